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
                let view = try wholeView(bytes, payload)
                let values = view.kind.isBatch ? UInt64(view.valueCount) : 1
                counters.decoded &+= 1
                counters.received &+= values
                counters.unrouted.add(values, .shardNotOwned)
            } catch {
                counters.bad[error.reason, default: 0] &+= 1
            }
        }
    }

    /// Reads a payload, whether its parts stand together or not; its ranges hold for the former only.
    private func wholeView(_ bytes: RawSpan, _ payload: ByteRange) throws(WireError) -> MetricView {
        do throws(WireError) {
            return try MetricReader.read(bytes, in: payload)
        } catch WireError.scattered {
            let gathered = try MetricReader.gathered(bytes, in: payload)
            return try MetricReader.read(gathered.span.bytes, in: ByteRange(offset: 0, count: gathered.count))
        }
    }
}
