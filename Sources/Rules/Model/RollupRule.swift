import Metrics

/// A step of a rollup rule, before the rollup's id is known.
public enum RuleStep: Sendable, Hashable {
    /// The aggregation of the metric itself; only the first step.
    case aggregate(AggregationType)
    case transform(TransformationType)
    case rollup(RollupStep)
}

/// Forwards values to a new metric that many metrics share.
public struct RollupStep: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Only the listed labels stay.
        case groupBy
        /// All labels but the listed ones stay.
        case excludeBy
    }

    public var name: RollupName
    public var kind: Kind
    /// Ascending bytewise.
    public let labels: [[UInt8]]
    /// The default id stands for the metric type's own aggregations.
    public var aggregationID: AggregationID

    public init(name: RollupName, kind: Kind, labels: [[UInt8]], aggregationID: AggregationID = .default) {
        self.name = name
        self.kind = kind
        self.labels = labels.sorted { $0.lexicographicallyPrecedes($1) }
        self.aggregationID = aggregationID
    }
}

/// One pipeline of a rollup rule and where its results are kept.
public struct RollupTarget: Sendable, Hashable {
    /// Not empty.
    public var steps: [RuleStep]
    public var storagePolicies: [StoragePolicy]
    /// How quantiles are worked out; nil for the aggregator's own way.
    public var quantileMethod: QuantileMethod?

    public init(steps: [RuleStep], storagePolicies: [StoragePolicy], quantileMethod: QuantileMethod? = nil) {
        self.steps = steps
        self.storagePolicies = storagePolicies
        self.quantileMethod = quantileMethod
    }

    /// One target for each aggregation of the last rollup, with the name suffixed; this one alone when there is one.
    func perAggregation() -> [RollupTarget] {
        let last = steps.lastIndex {
            if case .rollup = $0 { true } else { false }
        }
        guard let last, case .rollup(let rollup) = steps[last], rollup.aggregationID.typeCount > 1 else {
            return [self]
        }
        return AggregationType.allCases.filter(rollup.aggregationID.contains).map { type in
            var single = rollup
            single.aggregationID = AggregationID([type])
            single.name = rollup.name.appending(type.nameSuffix)
            var target = self
            target.steps[last] = .rollup(single)
            return target
        }
    }
}

/// New metrics that are made from the ones the filter matches.
public struct RollupRule: Sendable {
    public var name: String
    public var filter: TagsFilter
    public var targets: [RollupTarget]
    /// Labels that are added behind the others in the ids of rollup outputs.
    public var tags: [RuleTag]

    /// - Parameters:
    ///   - steps: in order; the rules for them are those of ``PipelineCheck``.
    ///   - suffix: whether several aggregations of the last rollup make several outputs.
    public init(
        name: String, filter: TagsFilter, steps: [RuleStep], storagePolicies: [StoragePolicy],
        tags: [RuleTag] = [], suffix: OutputSuffix = .aggregation, quantileMethod: QuantileMethod? = nil
    ) {
        self.name = name
        self.filter = filter
        self.tags = tags
        let target = RollupTarget(
            steps: steps, storagePolicies: storagePolicies, quantileMethod: quantileMethod)
        targets = suffix == .aggregation ? target.perAggregation() : [target]
    }
}
