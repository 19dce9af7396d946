import Metrics

/// All lists of one kind and resolution, which are flushed at the same times.
struct FlushBucket {
    let key: BucketKey
    /// The columns of each shard, in the order in which they were made.
    private(set) var lists: [(shard: UInt32, columns: [UInt32])] = []
    private let offsetNanos: Int64
    /// How long after the end of a window its values are waited for; for forwarded values after their time.
    let delayNanos: Int64
    private(set) var nextFlushNanos: Int64

    /// - Parameter random: chooses the jitter.
    init(_ key: BucketKey, options: AggregatorOptions, random: UInt64, now: Int64) {
        self.key = key
        let r = key.resolutionNanos
        let start = WindowAlignment.start(of: now, resolutionNanos: r)
        let most = options.jitter.maxNanos(resolutionNanos: r)
        let jitter = most > 0 ? Int64(random % UInt64(most)) : 0
        switch key.kind {
        case .forwarded:
            delayNanos = options.forwardingDelayNanos(resolutionNanos: r, numForwardedTimes: key.numForwardedTimes)
            offsetNanos = delayNanos % r
        case .timed:
            delayNanos = options.pastBufferNanos(resolutionNanos: r)
            offsetNanos =
                options.timedMetricsFlushOffsetEnabled
                ? (delayNanos % r).addingSaturating(jitter) % r : options.jitter.isEnabled ? jitter : now &- start
        case .standard:
            delayNanos = 0
            offsetNanos = options.jitter.isEnabled ? jitter : now &- start
        }
        nextFlushNanos = start.addingSaturating(offsetNanos)
    }

    mutating func add(column: UInt32, shard: UInt32) {
        if let index = lists.firstIndex(where: { $0.shard == shard }) {
            lists[index].columns.append(column)
        } else {
            lists.append((shard, [column]))
        }
    }

    mutating func remove(column: UInt32, shard: UInt32) {
        guard let index = lists.firstIndex(where: { $0.shard == shard }) else { return }
        lists[index].columns.removeAll { $0 == column }
        if lists[index].columns.isEmpty { lists.remove(at: index) }
    }

    /// Moves on to the first flush that is not due yet; missed ones have nothing left to publish.
    mutating func advance(beyond now: Int64) {
        guard nextFlushNanos <= now else { return }
        let behind = now &- nextFlushNanos
        let steps = behind / key.resolutionNanos &+ 1
        nextFlushNanos = nextFlushNanos.addingSaturating(steps.multipliedSaturating(key.resolutionNanos))
    }

    /// Windows that begin before this are over and have waited long enough.
    func windowBound(now: Int64) -> Int64 {
        let target = now.subtractingSaturating(delayNanos)
        return key.kind == .forwarded
            ? target : target.subtractingSaturating(key.resolutionNanos).addingSaturating(1)
    }

    /// Windows that begin before this are over, without waiting for what may still come.
    func endedBound(now: Int64) -> Int64 {
        key.kind == .forwarded
            ? now.addingSaturating(1) : now.subtractingSaturating(key.resolutionNanos).addingSaturating(1)
    }
}
