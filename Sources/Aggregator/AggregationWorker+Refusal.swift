import WireFormat

/// Metrics that came to an instance which does not own their shard.
extension AggregationWorker {
    /// Counts metrics of shards that no worker of this instance owns: they are decoded, and unrouted for
    /// ``DropReason/shardNotOwned``.
    /// - Parameter payloads: where the payloads lie in `bytes`.
    public func refuse(_ bytes: RawSpan, payloads: [ByteRange]) {
        for payload in payloads {
            counters.payloads &+= 1
            do throws(WireError) {
                let view = try MetricReader.read(bytes, in: payload)
                let isBatch = view.kind == .batchTimer || view.kind == .forwarded
                let values = isBatch ? UInt64(view.valueCount) : 1
                counters.decoded &+= 1
                counters.received &+= values
                counters.unrouted.add(values, .shardNotOwned)
            } catch {
                counters.bad[error.reason, default: 0] &+= 1
            }
        }
    }
}
