import Metrics

/// All lists of one kind and resolution, which are flushed at the same times.
struct FlushBucket {
    /// The elements of one shard.
    struct List {
        let shard: UInt32
        /// In the order in which they were made.
        var columns: [UInt32]
        /// Windows that were ready at this time are done; 0 before the first flush.
        var lastFlushedNanos: Int64 = 0
        /// How often windows were sent to rollups that take them again, by the time that they bear.
        var versions: [Int64: [RollupDestination: UInt32]] = [:]
    }

    let key: BucketKey
    private(set) var lists: [List] = []
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
            lists.append(List(shard: shard, columns: [column]))
        }
    }

    mutating func remove(column: UInt32, shard: UInt32) {
        guard let index = lists.firstIndex(where: { $0.shard == shard }) else { return }
        lists[index].columns.removeAll { $0 == column }
    }

    /// Whether no list has elements.
    var isUnused: Bool { lists.allSatisfy(\.columns.isEmpty) }

    /// Forgets the lists of shards.
    mutating func removeLists(where isRemoved: (UInt32) -> Bool) { lists.removeAll { isRemoved($0.shard) } }

    /// Notes that a list is flushed up to a time.
    /// - Returns: false when it was before.
    mutating func advance(list: Int, to target: Int64) -> Bool {
        guard target > lists[list].lastFlushedNanos else { return false }
        lists[list].lastFlushedNanos = target
        return true
    }

    /// The version of a message that may be sent again: how often it was sent before.
    mutating func nextVersion(list: Int, _ rollup: RollupDestination, timeNanos: Int64) -> UInt32 {
        let version = lists[list].versions[timeNanos]?[rollup] ?? 0
        lists[list].versions[timeNanos, default: [:]][rollup] = version &+ 1
        return version
    }

    /// Forgets the versions of windows that can no longer change.
    mutating func forgetVersions(list: Int, target: Int64, resendBufferNanos: Int64) {
        guard !lists[list].versions.isEmpty else { return }
        let bound = target.subtractingSaturating(resendBufferNanos).subtractingSaturating(key.resolutionNanos)
        lists[list].versions = lists[list].versions.filter { $0.key >= bound }
    }

    func id(ofShard shard: UInt32) -> ListID {
        ListID(
            shard: shard, kind: key.kind, resolutionNanos: key.resolutionNanos, numForwardedTimes: key.numForwardedTimes
        )
    }

    /// Sets the next flush to the one of the present interval.
    mutating func restart(now: Int64) {
        nextFlushNanos = WindowAlignment.start(of: now, resolutionNanos: key.resolutionNanos)
            .addingSaturating(offsetNanos)
    }

    /// Moves on to the first flush that is not due yet; missed ones have nothing left to publish.
    mutating func advance(beyond now: Int64) {
        guard nextFlushNanos <= now else { return }
        let behind = now &- nextFlushNanos
        let steps = behind / key.resolutionNanos &+ 1
        nextFlushNanos = nextFlushNanos.addingSaturating(steps.multipliedSaturating(key.resolutionNanos))
    }

    /// The time up to which a flush publishes: values of windows that are over by then have been waited for.
    func target(now: Int64) -> Int64 { now.subtractingSaturating(delayNanos) }

    /// The same for a flush that does not wait for what may still come.
    func endedTarget(now: Int64) -> Int64 { key.kind == .forwarded ? now.addingSaturating(1) : now }

    /// Windows that begin before this are ready at a target.
    func windowBound(target: Int64) -> Int64 {
        key.kind == .forwarded ? target : target.subtractingSaturating(key.resolutionNanos).addingSaturating(1)
    }
}
