/// A shard of an instance, and when it is the instance's.
public struct OwnedShard: Sendable, Hashable {
    public var shard: UInt32
    /// From when on the instance publishes what the shard aggregates, nanoseconds since 1970.
    public var cutoverNanos: Int64
    /// Up to when it does.
    public var cutoffNanos: Int64

    public init(shard: UInt32, cutoverNanos: Int64 = 0, cutoffNanos: Int64 = .max) {
        self.shard = shard
        self.cutoverNanos = cutoverNanos
        self.cutoffNanos = cutoffNanos
    }

    /// The times of arrival at which values are taken: from some time before cutover to some time after cutoff.
    func writableRange(_ options: AggregatorOptions) -> (from: Int64, before: Int64) {
        if options.writesIgnoreCutoffCutover { return (.min, .max) }
        let buffer = options.bufferBeforeShardCutoverNanos
        return (
            cutoverNanos >= buffer ? cutoverNanos - buffer : 0,
            cutoffNanos.addingSaturating(options.bufferAfterShardCutoffNanos)
        )
    }
}
