import Aggregator
import Logging
import MessageQueue
import Metrics
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import TestKit
import WireFormat

@testable import Services

/// The event loops of all tests.
let testLoops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

/// Logs nothing: tests look at counters and answers.
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

let second: Int64 = 1_000_000_000

/// A clock that stands still until it is set.
final class ManualClock: Sendable {
    private let nanos: Atomic<Int64>

    init(_ nanos: Int64) { self.nanos = Atomic(nanos) }

    var now: Int64 { nanos.load(ordering: .relaxed) }

    func set(_ nanos: Int64) { self.nanos.store(nanos, ordering: .relaxed) }
}

/// Frames and payloads as a producer sends them.
enum Message {
    /// A counter with a Sum of one policy.
    static func counter(_ name: String, _ value: Int64, policy: String = "10s:2d") throws -> [UInt8] {
        let metadatas = MetadataCodec.encode([
            StagedMetadata(pipelines: [
                PipelineMetadata(
                    aggregationID: AggregationID([.sum]), storagePolicies: [try StoragePolicy(parsing: policy)])
            ])
        ])
        let id = try id(name)
        var writer = ByteWriter()
        MetricWriter.appendCounter(
            id: id.span.bytes, value: value, metadatas: metadatas.span.bytes, to: &writer)
        return writer.array()
    }

    /// A timed counter with a Sum of one policy.
    static func timed(_ name: String, _ value: Double, at nanos: Int64, policy: String) throws -> [UInt8] {
        let metadatas = MetadataCodec.encode([
            StagedMetadata(pipelines: [
                PipelineMetadata(
                    aggregationID: AggregationID([.sum]), storagePolicies: [try StoragePolicy(parsing: policy)])
            ])
        ])
        let id = try id(name)
        var writer = ByteWriter()
        MetricWriter.appendTimed(
            type: .counter, id: id.span.bytes, timeNanos: nanos, value: value, metadatas: metadatas.span.bytes,
            to: &writer)
        return writer.array()
    }

    static func id(_ name: String) throws -> [UInt8] { try Labels([(name: "__name__", value: name)]).encoded }

    static func shard(_ name: String, of numShards: UInt32) throws -> UInt32 {
        try id(name).withUnsafeBytes { Murmur3.shard(of: $0, numShards: numShards) }
    }

    static func frame(shard: UInt64, id: UInt64, epoch: UInt64 = 0, _ value: [UInt8]) throws -> [UInt8] {
        var writer = ByteWriter()
        try M3MsgFrame.appendMessage(
            shard: shard, id: id, sentAtNanos: 1, producerEpoch: epoch, value: value.span.bytes, to: &writer)
        return writer.array()
    }

    /// An aggregated value.
    static func aggregated(_ name: String, _ value: Double, atMs: Int64, policy: String = "10s:2d") throws -> [UInt8] {
        let policy = MetadataCodec.encode(try StoragePolicy(parsing: policy))
        let id = try id(name)
        var writer = ByteWriter()
        AggregatedMetricWriter.append(
            id: id.span.bytes, timeNanos: atMs * 1_000_000, value: value, policy: policy.span.bytes, to: &writer)
        return writer.array()
    }
}

/// Collects the acknowledgements of one connection, repetitions kept.
struct AckReader {
    private var frames = LengthPrefixedFrames()
    private(set) var acks: [AckEntry] = []

    /// Waits for that many acknowledgements in all.
    mutating func wait(for count: Int, from peer: LoopbackPeer) throws {
        let end = ContinuousClock.now + .seconds(30)
        while acks.count < count {
            try take(peer.receive(waitingMilliseconds: 1_000))
            guard ContinuousClock.now < end else {
                throw DeadlinePassed(description: "\(acks.count) of \(count) messages were acknowledged")
            }
        }
    }

    mutating func take(_ bytes: [UInt8]) throws {
        for frame in frames.take(bytes) {
            var found: [AckEntry] = []
            try M3MsgFrame.readAck(frame.span.bytes, in: ByteRange(offset: 0, count: frame.count)) { found.append($0) }
            acks += found
        }
    }
}

/// A server on the loopback address that acknowledges soon.
func startServer(_ consumer: any MessageConsumer, registry: Registry = Registry()) async throws -> (
    server: ConsumerServer, port: Int
) {
    var options = ConsumerOptions()
    options.name = "ingest"
    options.ackFlushInterval = .milliseconds(1)
    let server = ConsumerServer(
        group: testLoops, host: "127.0.0.1", port: 0, options: options, consumer: consumer, registry: registry,
        logger: quiet)
    return (server, try await server.start().port ?? 0)
}

/// A producer of one service; its endpoints may well be dead.
func startProducer(
    _ endpoint: String, shards: Int = 64, registry: Registry = Registry(),
    _ change: (inout ProducerOptions) -> Void = { _ in }
) throws -> Producer {
    var options = ProducerOptions()
    options.flushInterval = .milliseconds(1)
    change(&options)
    return try Producer.start(
        route: ProducerRoute(
            topic: "t", numberOfShards: shards,
            services: [.init(name: "s", consumption: .replicated, numberOfShards: shards, endpoints: [endpoint])]),
        options: options, group: testLoops, registry: registry, logger: quiet)
}
