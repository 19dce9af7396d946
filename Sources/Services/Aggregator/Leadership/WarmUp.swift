import Aggregator
import Cluster
import Metrics

/// Whether a follower has whole windows of everything that its leader has not published: M3's `canLead`. Pure.
/// Source: `docs/high-availability.md`, "Warm-up".
struct WarmUp: Sendable {
    /// When the instance began to take values, nanoseconds since 1970.
    let openedAt: Int64
    /// B of the timed lists, without the resolution.
    let bufferPastNanos: Int64

    /// - Parameters:
    ///   - received: the flush times as they are stored; nil when nobody has written any.
    ///   - processed: those by which this follower last discarded.
    func isDone(received: FlushTimes?, processed: FlushTimes?, now: Int64) -> Bool {
        // Nobody has published anything: nothing can be missing.
        guard let received, !received.byShard.isEmpty else { return true }
        guard let processed else { return false }
        return processed.byShard.values.allSatisfy { $0.isTombstoned || isDone($0, now: now) }
    }

    private func isDone(_ shard: FlushTimes.Shard, now: Int64) -> Bool {
        shard.standard.allSatisfy { hasWhole($0.key, $0.value, now: now) }
            && shard.timed.allSatisfy { hasWhole($0.key, $0.value, now: now.subtractingSaturating(bufferPastNanos)) }
            && shard.forwarded.allSatisfy { resolution, times in
                times.values.allSatisfy { hasWholeForwarded(resolution, $0, now: now) }
            }
    }

    /// The window that was open at the start has been published by the leader.
    private func hasWhole(_ resolution: Int64, _ flushed: Int64, now: Int64) -> Bool {
        guard resolution > 0 else { return true }
        if flushed == 0 { return beganBeforePresentWindow(resolution, now) }
        let start = WindowAlignment.start(of: openedAt, resolutionNanos: resolution)
        return flushed >= (start == openedAt ? start : start.addingSaturating(resolution))
    }

    private func hasWholeForwarded(_ resolution: Int64, _ flushed: Int64, now: Int64) -> Bool {
        guard resolution > 0 else { return true }
        if flushed == 0 { return beganBeforePresentWindow(resolution, now) }
        let start = WindowAlignment.start(of: openedAt, resolutionNanos: resolution)
        return flushed > (start == openedAt ? start.subtractingSaturating(resolution) : start)
    }

    private func beganBeforePresentWindow(_ resolution: Int64, _ now: Int64) -> Bool {
        openedAt < WindowAlignment.start(of: now, resolutionNanos: resolution)
    }
}
