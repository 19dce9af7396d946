import Metrics

/// All lists of one kind and resolution, which are flushed at the same times.
struct FlushBucket {
    let key: BucketKey
    /// The columns of each shard, in the order in which they were made.
    private(set) var lists: [(shard: UInt32, columns: [UInt32])] = []
    private let offsetNanos: Int64
    private(set) var nextFlushNanos: Int64

    /// - Parameter random: chooses the jitter.
    init(_ key: BucketKey, options: AggregatorOptions, random: UInt64, now: Int64) {
        self.key = key
        let r = key.resolutionNanos
        let start = WindowAlignment.start(of: now, resolutionNanos: r)
        switch key.kind {
        case .forwarded:
            offsetNanos =
                options.forwardingDelayNanos(resolutionNanos: r, numForwardedTimes: key.numForwardedTimes) % r
        case .timed where options.timedMetricsFlushOffsetEnabled:
            offsetNanos = options.pastBufferNanos(resolutionNanos: r) % r
        default:
            let most = options.jitter.maxNanos(resolutionNanos: r)
            if !options.jitter.isEnabled {
                offsetNanos = now &- start
            } else {
                offsetNanos = most > 0 ? Int64(random % UInt64(most)) : 0
            }
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

    /// Moves on to the first flush that is not due yet; missed ones have nothing left to publish.
    mutating func advance(beyond now: Int64) {
        guard nextFlushNanos <= now else { return }
        let behind = now &- nextFlushNanos
        let steps = behind / key.resolutionNanos &+ 1
        nextFlushNanos = nextFlushNanos.addingSaturating(steps.multipliedSaturating(key.resolutionNanos))
    }

    /// Windows that begin before this are over and have waited long enough.
    func windowBound(now: Int64, options: AggregatorOptions) -> Int64 {
        let r = key.resolutionNanos
        switch key.kind {
        case .standard: return now.subtractingSaturating(r).addingSaturating(1)
        case .timed:
            return now.subtractingSaturating(options.pastBufferNanos(resolutionNanos: r)).subtractingSaturating(r)
                .addingSaturating(1)
        case .forwarded:
            return now.subtractingSaturating(
                options.forwardingDelayNanos(resolutionNanos: r, numForwardedTimes: key.numForwardedTimes))
        }
    }

    /// Windows that begin before this are over, without waiting for what may still come.
    func endedBound(now: Int64) -> Int64 {
        key.kind == .forwarded
            ? now.addingSaturating(1) : now.subtractingSaturating(key.resolutionNanos).addingSaturating(1)
    }
}
