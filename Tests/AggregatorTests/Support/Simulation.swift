import Metrics
import WireFormat

@testable import Aggregator

/// Workers on virtual time that share the shards among them. What they forward comes back to them, as it would through
/// the ingest topic.
final class Simulation {
    struct Published: Equatable {
        var id: [UInt8]
        var timeNanos: Int64
        var value: Double
        var policy: StoragePolicy
        var annotation: [UInt8]
        var routingTrafficTypes: UInt64
        var shard: UInt32

        var name: String { String(decoding: id, as: UTF8.self) }
    }

    struct Forwarded {
        var metricType: MetricType
        var id: [UInt8]
        var timeNanos: Int64
        var values: [Double]
        var previous: [Double]
        var version: UInt32
        var metadata: ForwardMetadata
        var shard: UInt32
        var payload: [UInt8]
    }

    let workers: [AggregationWorker]
    let numShards: UInt32
    /// Whether forwarded messages come back at the time of the flush that made them.
    var loopsBack = true
    private(set) var published: [Published] = []
    private(set) var forwarded: [Forwarded] = []
    /// Payloads that a flush made and that could not be read again.
    private(set) var unreadable: [String] = []

    init(_ options: AggregatorOptions, workers count: Int = 1, shards: [OwnedShard]? = nil) {
        numShards = options.numShards
        let shards = shards ?? (0..<options.numShards).map { OwnedShard(shard: $0) }
        workers = (0..<count).map { index in
            AggregationWorker(options: options, shards: shards.filter { Int($0.shard) % count == index })
        }
    }

    // MARK: Input

    /// Hands one payload to the worker of its shard. A payload that no worker can read goes to the first.
    func ingest(_ payload: [UInt8], now: Int64) { ingest([payload], now: now) }

    /// Hands payloads over as batches, one for each worker.
    func ingest(_ payloads: [[UInt8]], now: Int64) {
        var batches = Array(repeating: [[UInt8]](), count: workers.count)
        for payload in payloads { batches[owner(of: payload)].append(payload) }
        for (worker, batch) in zip(workers, batches) where !batch.isEmpty {
            let misrouted = Self.ingest(batch, into: worker, now: now)
            precondition(misrouted.isEmpty, "the owner of a shard refused \(misrouted.count) of its metrics")
        }
    }

    /// Hands payloads to one worker, whatever their shards are.
    /// - Returns: the positions of those that belong to another.
    @discardableResult
    static func ingest(_ payloads: [[UInt8]], into worker: AggregationWorker, now: Int64) -> [Int32] {
        var bytes: [UInt8] = []
        var ranges: [ByteRange] = []
        for payload in payloads {
            ranges.append(ByteRange(offset: bytes.count, count: payload.count))
            bytes += payload
        }
        var misrouted: [Int32] = []
        worker.ingest(bytes.span.bytes, payloads: ranges, now: now, misrouted: &misrouted)
        return misrouted
    }

    private func owner(of payload: [UInt8]) -> Int {
        let bytes = payload.span.bytes
        guard workers.count > 1, let view = try? MetricReader.read(bytes, in: .all(of: bytes)) else { return 0 }
        return Int(Murmur3.hash32(view.id.array(from: bytes)) % numShards) % workers.count
    }

    // MARK: Time

    /// Publishes what is due by the workers' own schedule.
    func flushDue(now: Int64) {
        for worker in workers { collect(now: now) { worker.flush(now: now, $0) } }
    }

    /// Publishes what every list has ready, due or not.
    func flushAll(now: Int64) {
        for worker in workers {
            collect(now: now) { sink in
                for bucket in worker.buckets.indices { worker.flush(bucket: bucket, now: now, sink) }
            }
        }
    }

    func flushEnded(now: Int64) {
        for worker in workers { collect(now: now) { worker.flushEnded(now: now, $0) } }
    }

    func shutDown(now: Int64) {
        for worker in workers { collect(now: now) { worker.shutdown(now: now, $0) } }
    }

    /// What a follower does when its leader has published everything that was ready at a time.
    func discard(before nanos: Int64) { for worker in workers { worker.discard(before: nanos) } }

    func tick(now: Int64) { for worker in workers { worker.tick(now: now) } }

    private func collect(now: Int64, _ flush: (AggregationWorker.Sink) -> Void) {
        var messages: [Forwarded] = []
        flush { output in
            output.withUnsafeBytes { raw in
                for entry in output.entries {
                    let bytes = [UInt8](raw[entry.range.offset..<entry.range.end])
                    do {
                        switch entry.destination {
                        case .aggregated: published.append(try Self.published(bytes, entry.shard))
                        case .ingest: messages.append(try Self.forwarded(bytes, entry.shard))
                        }
                    } catch { unreadable.append("\(error)") }
                }
            }
        }
        forwarded += messages
        if loopsBack { ingest(messages.map(\.payload), now: now) }
    }

    private static func published(_ payload: [UInt8], _ shard: UInt32) throws -> Published {
        let bytes = payload.span.bytes
        let view = try AggregatedMetricReader.read(bytes, in: .all(of: bytes))
        return Published(
            id: view.id.array(from: bytes), timeNanos: view.timeNanos, value: view.value, policy: view.storagePolicy,
            annotation: view.annotation.array(from: bytes), routingTrafficTypes: view.routingTrafficTypes,
            shard: shard)
    }

    private static func forwarded(_ payload: [UInt8], _ shard: UInt32) throws -> Forwarded {
        let bytes = payload.span.bytes
        let view = try MetricReader.read(bytes, in: .all(of: bytes))
        var values: [Double] = []
        view.forEachValue(in: bytes) { (value) throws(Never) in values.append(value) }
        var previous: [Double] = []
        view.forEachPrevValue(in: bytes) { (value) throws(Never) in previous.append(value) }
        return Forwarded(
            metricType: view.metricType, id: view.id.array(from: bytes), timeNanos: view.timeNanos, values: values,
            previous: previous, version: view.version,
            metadata: try MetadataCodec.forwardMetadata(bytes, in: view.metadata), shard: shard, payload: payload)
    }

    // MARK: Sums over the workers

    /// The equations of conservation that do not hold in one of the workers.
    var failures: [String] {
        workers.flatMap { $0.verify() } + unreadable
    }

    func total(_ count: (AggregatorCounters) -> UInt64) -> UInt64 { workers.reduce(0) { $0 + count($1.counters) } }

    /// All refusals with their counts.
    var drops: [DropReason: UInt64] {
        var drops: [DropReason: UInt64] = [:]
        for worker in workers {
            drops.merge(worker.counters.unrouted.nonZero, uniquingKeysWith: +)
            drops.merge(worker.counters.rejected.nonZero, uniquingKeysWith: +)
        }
        return drops
    }

    var liveSeries: Int { workers.reduce(0) { $0 + $1.liveSeries } }
    var openValues: UInt64 { workers.reduce(0) { $0 + $1.openValues } }
    var memoryBytes: Int { workers.reduce(0) { $0 + $1.memoryBytes } }
}
