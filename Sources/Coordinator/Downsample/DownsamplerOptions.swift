import Metrics

/// How series are downsampled, beside the rules.
public struct DownsamplerOptions: Sendable {
    /// The shards of the ingest topic; at least 1.
    public var numShards: UInt32
    /// Where the last value of every series is kept, unless a mapping rule says how it is kept there. Empty for nowhere.
    public var autoMappingPolicies: [StoragePolicy]
    /// Whether messages carry an annotation with the Prometheus type.
    public var storesMetricTypes: Bool
    /// The most series whose plans are kept. Twice the active series of a large Prometheus.
    public var maxCachedSeries: Int
    /// The most bytes of plans that are kept; a plan takes 500 bytes to 1 KB for most series.
    public var maxCachedBytes: Int

    public init(
        numShards: UInt32 = 64, autoMappingPolicies: [StoragePolicy] = [], storesMetricTypes: Bool = false,
        maxCachedSeries: Int = 2_000_000, maxCachedBytes: Int = 512 << 20
    ) {
        self.numShards = max(1, numShards)
        self.autoMappingPolicies = autoMappingPolicies
        self.storesMetricTypes = storesMetricTypes
        self.maxCachedSeries = maxCachedSeries
        self.maxCachedBytes = maxCachedBytes
    }
}
