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

    init(_ kind: Kind, series: Int, to endpoint: String, group: any EventLoopGroup) throws {
        self.kind = kind
        self.series = series
        ids.reserveCapacity(series * Self.idBytes)
        shards.reserveCapacity(series)
        for index in 0..<series {
            let text =
                "http_requests_total+cluster=eu-west-1,code=200,instance=10.0.0.1:9100,job=api-server,series=\(index),pod="
            let id = Array(text.utf8) + Array(repeating: UInt8(ascii: "x"), count: Self.idBytes - text.utf8.count)
            ids += id
            shards.append(id.withUnsafeBytes { Murmur3.shard(of: $0, numShards: Self.numShards) })
        }
        metadatas = MetadataCodec.encode([
            StagedMetadata(pipelines: [
                PipelineMetadata(aggregationID: .default, storagePolicies: [try StoragePolicy(parsing: "10s:48h")])
            ])
        ])
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
                    MetricWriter.appendCounter(
                        id: id.bytes, value: Int64(position % 997) + 1, metadatas: metadatas.span.bytes, to: &writer)
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
