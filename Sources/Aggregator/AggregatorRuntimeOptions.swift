/// Limits that may change while an aggregator runs; in a cluster they come from the key-value store.
///
/// Source: `docs/aggregator.md`, rate limits.
public struct AggregatorRuntimeOptions: Sendable, Hashable {
    /// Values that a series takes in a second, a timer batch of n being n; 0 for no limit.
    public var valuesPerMetricLimitPerSecond: Int64
    /// New series that a shard takes in a second; 0 for no limit.
    public var newMetricLimitPerShardPerSecond: Int64

    public init(valuesPerMetricLimitPerSecond: Int64 = 0, newMetricLimitPerShardPerSecond: Int64 = 0) {
        self.valuesPerMetricLimitPerSecond = valuesPerMetricLimitPerSecond
        self.newMetricLimitPerShardPerSecond = newMetricLimitPerShardPerSecond
    }

    /// The share of one shard in the limit of a cluster: rounded up, 0 for no limit.
    /// - Parameters:
    ///   - clusterLimit: new series per second of the whole cluster; less than 1 for no limit.
    ///   - numShards: shards of the placement.
    ///   - replicaFactor: how many instances have each shard.
    public static func newMetricLimitPerShard(
        clusterLimit: Int64, numShards: UInt32, replicaFactor: UInt32
    ) -> Int64 {
        let copies = Int64(numShards).multipliedSaturating(Int64(replicaFactor))
        guard clusterLimit >= 1, copies >= 1 else { return 0 }
        return (clusterLimit - 1) / copies + 1
    }
}
