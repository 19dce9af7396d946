/// What becomes of the unaggregated and aggregated forms of a metric that a rule drops. Raw values are the wire's.
public enum DropPolicy: UInt64, Sendable, Hashable {
    case none = 0
    case must = 1
    case ifOnlyMatch = 2

    /// The name in rules.
    public var text: String {
        switch self {
        case .none: "drop_none"
        case .must: "drop_must"
        case .ifOnlyMatch: "drop_if_only_match"
        }
    }

    /// Reads a name, in exactly the spelling of ``text``.
    /// - Throws: ``MetricsError/invalidDropPolicy(_:)``
    public init(parsing text: String) throws(MetricsError) {
        switch text {
        case "drop_none": self = .none
        case "drop_must": self = .must
        case "drop_if_only_match": self = .ifOnlyMatch
        default: throw .invalidDropPolicy(text)
        }
    }
}

/// How one metric is aggregated: which types, at which policies, through which pipeline.
public struct PipelineMetadata: Sendable, Hashable {
    public var aggregationID: AggregationID
    /// Empty means the aggregator's default policies.
    public var storagePolicies: [StoragePolicy]
    public var pipeline: AppliedPipeline
    public var dropPolicy: DropPolicy
    /// Whether a window that was published may be published again with a corrected value.
    public var resendEnabled: Bool
    /// A bit mask of traffic types, 0 for the default.
    public var routingTrafficTypes: UInt64
    /// Timers only; nil leaves it to the aggregator.
    public var quantileMethod: QuantileMethod?

    public init(
        aggregationID: AggregationID = .default, storagePolicies: [StoragePolicy] = [],
        pipeline: AppliedPipeline = AppliedPipeline(), dropPolicy: DropPolicy = .none,
        resendEnabled: Bool = false, routingTrafficTypes: UInt64 = 0, quantileMethod: QuantileMethod? = nil
    ) {
        self.quantileMethod = quantileMethod
        self.aggregationID = aggregationID
        self.storagePolicies = storagePolicies
        self.pipeline = pipeline
        self.dropPolicy = dropPolicy
        self.resendEnabled = resendEnabled
        self.routingTrafficTypes = routingTrafficTypes
    }

    /// Nothing but defaults: the aggregator chooses everything. `resendEnabled` is not looked at, as in M3.
    public var isDefault: Bool {
        aggregationID.isDefault && storagePolicies.isEmpty && pipeline.isEmpty && dropPolicy == .none
            && routingTrafficTypes == 0 && quantileMethod == nil
    }
}

/// The pipelines of a metric from a point in time on.
public struct StagedMetadata: Sendable, Hashable {
    /// Nanoseconds since 1970 from which on this stage is in force.
    public var cutoverNanos: Int64
    public var tombstoned: Bool
    public var pipelines: [PipelineMetadata]

    public init(cutoverNanos: Int64 = 0, tombstoned: Bool = false, pipelines: [PipelineMetadata] = []) {
        self.cutoverNanos = cutoverNanos
        self.tombstoned = tombstoned
        self.pipelines = pipelines
    }
}

/// How a forwarded metric is aggregated at its rollup stage.
public struct ForwardMetadata: Sendable, Hashable {
    public var aggregationID: AggregationID
    public var storagePolicy: StoragePolicy
    /// The steps that remain after the rollup that led here.
    public var pipeline: AppliedPipeline
    /// The shard the values come from; one message per source, window and version counts.
    public var sourceID: UInt32
    public var numForwardedTimes: Int32
    public var resendEnabled: Bool
    public var routingTrafficTypes: UInt64
    /// Timers only; nil leaves it to the aggregator.
    public var quantileMethod: QuantileMethod?

    public init(
        aggregationID: AggregationID, storagePolicy: StoragePolicy, pipeline: AppliedPipeline,
        sourceID: UInt32,
        numForwardedTimes: Int32, resendEnabled: Bool = false, routingTrafficTypes: UInt64 = 0,
        quantileMethod: QuantileMethod? = nil
    ) {
        self.quantileMethod = quantileMethod
        self.aggregationID = aggregationID
        self.storagePolicy = storagePolicy
        self.pipeline = pipeline
        self.sourceID = sourceID
        self.numForwardedTimes = numForwardedTimes
        self.resendEnabled = resendEnabled
        self.routingTrafficTypes = routingTrafficTypes
    }
}

/// How a timed metric without staged metadatas is aggregated.
public struct TimedMetadata: Sendable, Hashable {
    public var aggregationID: AggregationID
    public var storagePolicy: StoragePolicy
    public var routingTrafficTypes: UInt64

    public init(
        aggregationID: AggregationID, storagePolicy: StoragePolicy, routingTrafficTypes: UInt64 = 0
    ) {
        self.aggregationID = aggregationID
        self.storagePolicy = storagePolicy
        self.routingTrafficTypes = routingTrafficTypes
    }
}
