/// A list of elements that is flushed as one: all of one kind, resolution and number of forwards in one shard.
public struct ListID: Sendable, Hashable {
    public var shard: UInt32
    public var kind: ListKind
    public var resolutionNanos: Int64
    /// 0 but for forwarded lists.
    public var numForwardedTimes: Int32

    public init(shard: UInt32, kind: ListKind, resolutionNanos: Int64, numForwardedTimes: Int32 = 0) {
        self.shard = shard
        self.kind = kind
        self.resolutionNanos = resolutionNanos
        self.numForwardedTimes = numForwardedTimes
    }
}

/// Up to when a list was flushed: every window that was ready at that time, as the list's own delay has it, is done.
public struct FlushTime: Sendable, Hashable {
    public var list: ListID
    /// Nanoseconds since 1970, 0 before the first flush.
    public var lastFlushedNanos: Int64

    public init(list: ListID, lastFlushedNanos: Int64) {
        self.list = list
        self.lastFlushedNanos = lastFlushedNanos
    }
}
