import Foundation
import Logging
import MessageQueue
import Metrics
import NIOCore
import Telemetry
import WireFormat

/// Sends m3msg messages of a fixed set of series at a steady rate, every series as often as the others.
final class MessageLoad {
    enum Kind {
        case untimedCounter
        case timedGauge
        /// Three values a message.
        case batchTimer

        /// The first byte of ids.
        var mark: UInt8 { self == .batchTimer ? UInt8(ascii: "t") : UInt8(ascii: "h") }
    }

    static let idBytes = 120
    private static let numShards: UInt32 = 64
    private static let service = "m3aggregator"
    private static let batch = 2_000

    private let kind: Kind
    private let series: Int
    private var ids: [UInt8] = []
    private var shards: [UInt32] = []
    private let metadatas: [UInt8]
    private let producer: Producer
    /// Coprime to the number of series: neighbours in time are no neighbours in the aggregator's memory.
    private let stride: Int
    private var position = 0
    private var writer = ByteWriter(capacity: 1 << 20)
    private(set) var sent = 0
    /// The sum of the counters that were sent, or the number of the timers' values.
    private(set) var sentTotal: Int64 = 0
    private var nextIndex: Int
    private var churnPosition = 0

    init(_ kind: Kind, series: Int, to endpoint: String, group: any EventLoopGroup) throws {
        self.kind = kind
        self.series = series
        ids.reserveCapacity(series * Self.idBytes)
        shards.reserveCapacity(series)
        nextIndex = series
        for index in 0..<series {
            let id = Self.id(index, kind)
            ids += id
            shards.append(id.withUnsafeBytes { Murmur3.shard(of: $0, numShards: Self.numShards) })
        }
        metadatas = MetadataCodec.encode([StagedMetadata(pipelines: try Self.pipelines(kind))])
        var stride = Int(Double(series) * 0.618) | 1
        while Self.greatestCommonDivisor(stride, series) != 1 { stride += 2 }
        self.stride = stride
        var options = ProducerOptions()
        options.onFull = .returnError
        producer = try Producer.start(
            route: ProducerRoute(
                topic: "aggregator_ingest", numberOfShards: Int(Self.numShards),
                services: [
                    .init(
                        name: Self.service, consumption: .replicated, numberOfShards: Int(Self.numShards),
                        endpoints: [endpoint])
                ]), options: options, group: group, registry: Registry(), logger: Logger(label: "load"))
    }

    /// Timers are counted in windows of 10 s and have a quantile in windows of 30 s.
    private static func pipelines(_ kind: Kind) throws -> [PipelineMetadata] {
        let policy = try StoragePolicy(parsing: "10s:48h")
        guard kind == .batchTimer else {
            return [PipelineMetadata(aggregationID: .default, storagePolicies: [policy])]
        }
        return [
            PipelineMetadata(aggregationID: AggregationID([.count]), storagePolicies: [policy]),
            PipelineMetadata(
                aggregationID: AggregationID([.p99]), storagePolicies: [try StoragePolicy(parsing: "30s:48h")]),
        ]
    }

    private static func id(_ index: Int, _ kind: Kind) -> [UInt8] {
        let text =
            "http_requests_total+cluster=eu-west-1,code=200,instance=10.0.0.1:9100,job=api-server,series=\(index),pod="
        var id = Array(text.utf8) + Array(repeating: UInt8(ascii: "x"), count: max(0, idBytes - text.utf8.count))
        id[0] = kind.mark
        return Array(id.prefix(idBytes))
    }

    /// Some of the series in turn give way to new ones.
    func churn(perThousand: Int) {
        for _ in 0..<series * perThousand / 1_000 {
            let id = Self.id(nextIndex, kind)
            ids.replaceSubrange(churnPosition * Self.idBytes..<(churnPosition + 1) * Self.idBytes, with: id)
            shards[churnPosition] = id.withUnsafeBytes { Murmur3.shard(of: $0, numShards: Self.numShards) }
            nextIndex += 1
            churnPosition = (churnPosition + 1) % series
        }
    }

    /// Messages that the aggregator acknowledged.
    var acked: Int { Int(clamping: producer.stats[service: Self.service]?.acked ?? 0) }

    /// Sends so many messages, at most `rate` a second, and waits until all are acknowledged.
    func send(_ count: Int, rate: Int) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        var done = 0
        while done < count {
            let due = min(Int((clock.now - start) / .microseconds(1) * Double(rate) / 1e6), count)
            guard due > done else {
                try await Task.sleep(for: .milliseconds(2))
                continue
            }
            let size = min(due - done, Self.batch)
            try await produce(makeBatch(size))
            done += size
        }
        sent += count
        while acked < sent { try await Task.sleep(for: .milliseconds(2)) }
    }

    func close() async { await producer.close(deadline: .seconds(5)) }

    private func produce(_ batch: PayloadBatch) async throws {
        while true {
            do {
                return try producer.produce(batch)
            } catch ProducerError.bufferFull {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func makeBatch(_ count: Int) -> PayloadBatch {
        writer.removeAll(keepingCapacity: true)
        var entries: [PayloadBatch.Entry] = []
        entries.reserveCapacity(count)
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        let metadatas = metadatas
        ids.withUnsafeBytes { ids in
            for _ in 0..<count {
                let offset = writer.count
                let id = UnsafeRawBufferPointer(rebasing: ids[position * Self.idBytes..<(position + 1) * Self.idBytes])
                switch kind {
                case .untimedCounter:
                    sentTotal += Int64(position % 997) + 1
                    MetricWriter.appendCounter(
                        id: id.bytes, value: Int64(position % 997) + 1, metadatas: metadatas.span.bytes, to: &writer)
                case .batchTimer:
                    sentTotal += 3
                    let values = [Double(position % 101), Double(position % 89), 0.5]
                    MetricWriter.appendBatchTimer(
                        id: id.bytes, values: values.span, metadatas: metadatas.span.bytes, to: &writer)
                case .timedGauge:
                    MetricWriter.appendTimed(
                        type: .gauge, id: id.bytes, timeNanos: now, value: Double(position) / 16,
                        metadatas: metadatas.span.bytes, to: &writer)
                }
                entries.append(.init(shard: shards[position], offset: offset, length: writer.count - offset))
                position += stride
                if position >= series { position -= series }
            }
        }
        return PayloadBatch(bytes: writer.withUnsafeBytes { ByteBuffer(bytes: $0) }, entries: entries)
    }

    private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
        b == 0 ? a : greatestCommonDivisor(b, a % b)
    }
}
