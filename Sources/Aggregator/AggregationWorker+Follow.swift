/// What a follower does instead of publishing: it keeps what its leader may not have published, and no more.
extension AggregationWorker {
    /// Up to when each list was flushed, or discarded.
    public var flushTimes: [FlushTime] {
        buckets.flatMap { bucket in
            bucket.lists.map { list in
                FlushTime(list: bucket.id(ofShard: list.shard), lastFlushedNanos: list.lastFlushedNanos)
            }
        }
    }

    /// Discards the windows that a leader has published: those that were ready at the times of their lists. The history
    /// of transformations goes on as if they had been published here. Values are counted as discarded for
    /// ``DiscardReason/follower``; times of lists that are not here, or that are no later than before, change nothing.
    public func discard(upTo flushTimes: [FlushTime]) {
        for time in flushTimes {
            let key = BucketKey(
                kind: time.list.kind, resolutionNanos: time.list.resolutionNanos,
                numForwardedTimes: time.list.numForwardedTimes)
            guard let bucket = bucketNumbers[key],
                let list = buckets[bucket].lists.firstIndex(where: { $0.shard == time.list.shard })
            else { continue }
            flush(bucket: bucket, list: list, to: time.lastFlushedNanos, .discard(.follower)) { _ in }
        }
    }

    /// Discards the windows of all lists that were ready at a time: for a follower that has not heard from its leader
    /// for longer than ``AggregatorOptions/maxBufferSizeNanos``.
    public func discard(before nanos: Int64) {
        for bucket in buckets.indices {
            for list in buckets[bucket].lists.indices {
                flush(bucket: bucket, list: list, to: nanos, .discard(.follower)) { _ in }
            }
        }
    }

    /// Sets the schedule anew for one that begins to publish: everything that is due and was not discarded goes out
    /// with the next flush.
    public func beginLeading(now: Int64) {
        for index in buckets.indices { buckets[index].restart(now: now) }
    }
}
