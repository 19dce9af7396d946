import MessageQueue
import Metrics
import NIOCore
import Telemetry
import WireFormat

/// Makes of a flush what one producer is to get: shards of its own topic, and only what its filter lets through.
final class OutputSelection: Sendable {
    private let filter: OutputFilter
    /// The topic's number of shards where it differs from that of the flushes; nil where it doesn't.
    private let numShards: UInt32?
    private let filtered: [OutputFilter.Reason: Counter]

    /// - Parameter output: a name for the counts.
    init(filter: OutputFilter, numShards: UInt32?, output: String, registry: Registry) {
        self.filter = filter
        self.numShards = numShards
        filtered = Dictionary(
            uniqueKeysWithValues: OutputFilter.Reason.allCases.map { reason in
                (
                    reason,
                    registry.counter(
                        "m3agg_aggregator_filtered_total",
                        help: "Aggregated metrics that a filter kept from consumers.",
                        labels: [("output", output), ("reason", reason.rawValue)])
                )
            })
    }

    /// The batch without what is filtered, over the same bytes.
    func apply(to batch: PayloadBatch) -> PayloadBatch {
        var result = batch
        result.entries.removeAll(keepingCapacity: true)
        let counts = batch.bytes.withUnsafeReadableBytes { memory -> [OutputFilter.Reason: Int] in
            var counts: [OutputFilter.Reason: Int] = [:]
            var generator = SystemRandomNumberGenerator()
            for var entry in batch.entries {
                var view: AggregatedMetricView?
                if numShards != nil || filter.needsPolicy {
                    let range = ByteRange(offset: Int(entry.offset), count: Int(entry.length))
                    view = try? AggregatedMetricReader.read(memory.bytes, in: range)
                    guard let view else {
                        counts[.unreadable, default: 0] += 1
                        continue
                    }
                    if let numShards {
                        let id = UnsafeRawBufferPointer(rebasing: memory[view.id.offset..<view.id.end])
                        entry.shard = Murmur3.shard(of: id, numShards: numShards)
                    }
                }
                let refusal = filter.refusal(
                    shard: entry.shard, policy: view?.storagePolicy, random: { generator.next() })
                if let refusal {
                    counts[refusal, default: 0] += 1
                } else {
                    result.entries.append(entry)
                }
            }
            return counts
        }
        for (reason, count) in counts { filtered[reason]?.add(count) }
        return result
    }
}
