import Aggregator
import Cluster

/// The flush times that a leader writes: all lists of all its shards, and shards without lists marked. Pure.
struct FlushTimesLedger: Sendable {
    private var known = FlushTimes()

    /// Takes where all lists stand, and returns the value to write. Shards that have no list any more keep what they had.
    /// - Parameter redirects: shards whose values another one takes, which have the times of that one.
    mutating func update(_ times: [FlushTime], redirects: [UInt32: UInt32] = [:]) -> FlushTimes {
        for shard in known.byShard.keys { known.byShard[shard]?.isTombstoned = true }
        for time in times {
            let (list, nanos) = (time.list, time.lastFlushedNanos)
            var shard = known.byShard[list.shard] ?? FlushTimes.Shard()
            shard.isTombstoned = false
            switch list.kind {
            case .standard: shard.standard[list.resolutionNanos] = nanos
            case .timed: shard.timed[list.resolutionNanos] = nanos
            case .forwarded: shard.forwarded[list.resolutionNanos, default: [:]][list.numForwardedTimes] = nanos
            }
            known.byShard[list.shard] = shard
        }
        for (from, to) in redirects { redirect(from, to) }
        return known
    }

    private mutating func redirect(_ from: UInt32, _ to: UInt32) {
        guard let target = known.byShard[to] else { return }
        guard var shard = known.byShard[from] else {
            known.byShard[from] = target
            return
        }
        shard.standard.merge(target.standard) { $1 }
        shard.timed.merge(target.timed) { $1 }
        shard.forwarded.merge(target.forwarded) { $0.merging($1) { $1 } }
        shard.isTombstoned = shard.isTombstoned && target.isTombstoned
        known.byShard[from] = shard
    }
}

extension FlushTimes {
    /// The same as a list, as the aggregation core takes it.
    var lists: [FlushTime] {
        byShard.flatMap { number, shard in
            shard.standard.map {
                FlushTime(
                    list: ListID(shard: number, kind: .standard, resolutionNanos: $0.key), lastFlushedNanos: $0.value)
            }
                + shard.timed.map {
                    FlushTime(
                        list: ListID(shard: number, kind: .timed, resolutionNanos: $0.key), lastFlushedNanos: $0.value)
                }
                + shard.forwarded.flatMap { resolution, times in
                    times.map {
                        FlushTime(
                            list: ListID(
                                shard: number, kind: .forwarded, resolutionNanos: resolution, numForwardedTimes: $0.key),
                            lastFlushedNanos: $0.value)
                    }
                }
        }
    }
}
