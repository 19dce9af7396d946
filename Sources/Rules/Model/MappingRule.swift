import Metrics

/// Which aggregations of the metrics themselves are kept at which resolutions, or that they are dropped.
public struct MappingRule: Sendable {
    public var name: String
    public var filter: TagsFilter
    /// The default id stands for the metric type's own aggregations.
    public var aggregationID: AggregationID
    public var storagePolicies: [StoragePolicy]
    public var dropPolicy: DropPolicy
    /// Labels that are added to the outputs' ids; those that begin with `__m3` have meanings of their own.
    public var tags: [RuleTag]
    public var suffix: OutputSuffix
    /// How quantiles are worked out; nil for the aggregator's own way.
    public var quantileMethod: QuantileMethod?

    public init(
        name: String, filter: TagsFilter, aggregationID: AggregationID = .default,
        storagePolicies: [StoragePolicy] = [], dropPolicy: DropPolicy = .none, tags: [RuleTag] = [],
        suffix: OutputSuffix = .aggregation, quantileMethod: QuantileMethod? = nil
    ) {
        self.name = name
        self.filter = filter
        self.aggregationID = aggregationID
        self.storagePolicies = storagePolicies
        self.dropPolicy = dropPolicy
        self.tags = tags
        self.suffix = suffix
        self.quantileMethod = quantileMethod
    }
}
