public import Aggregation
public import Metrics

/// Everything that decides what an aggregator core computes and when it publishes. Plain values, no defaults of M3's
/// YAML: what M3 calls its library defaults is named where the two differ.
///
/// All durations are nanoseconds. Source: `docs/aggregator.md`.
public struct AggregatorOptions: Sendable {
    /// Shards of the ingest topic and the placement; the shard of an id is its murmur3 hash modulo this.
    public var numShards: UInt32 = 64
    /// Shards of the topic of aggregated metrics.
    public var numAggregatedShards: UInt32 = 64

    /// B: how long after the end of its window (and one resolution more) a timed value is still taken.
    public var bufferForPastTimedMetricsNanos: Int64 = 15_000_000_000
    /// How far ahead of the clock a timed value may be.
    public var bufferForFutureTimedMetricsNanos: Int64 = 60_000_000_000
    public var forwardingDelay: ForwardingDelay = .constant(20_000_000_000)
    public var jitter: FlushJitter = .upTo(1_000_000_000)
    /// Flush timed windows just when their buffer has passed rather than up to one resolution later.
    public var timedMetricsFlushOffsetEnabled = true
    /// How often the owner of a worker looks for due flushes; used in ``validate(rollupResolutionsNanos:)`` only.
    public var flushCheckNanos: Int64 = 200_000_000

    /// How long before its cutover a shard takes values.
    public var bufferBeforeShardCutoverNanos: Int64 = 600_000_000_000
    /// How long after its cutoff a shard takes values.
    public var bufferAfterShardCutoffNanos: Int64 = 3_600_000_000_000
    /// Whether values are taken whatever the cutover and cutoff of their shard.
    public var writesIgnoreCutoffCutover = false
    /// How long values that nobody publishes are kept: after the cutoff of their shard, and by a follower that does not
    /// hear from its leader.
    public var maxBufferSizeNanos: Int64 = 300_000_000_000

    /// The limits at the start, see ``AggregationWorker/apply(_:)``.
    public var runtime = AggregatorRuntimeOptions()
    /// How long after its first series a shard takes any number of new ones.
    public var newMetricNoLimitWarmupNanos: Int64 = 0
    /// Above 0, a timer batch without values makes no window; M3 also splits longer batches, which changes no figure.
    public var maxTimerBatchSizePerWrite = 0

    /// A series that was not written for longer than this is forgotten.
    public var entryTTLNanos: Int64 = 3_600_000_000_000

    /// The types that aggregation id 0 stands for, in the order of output.
    public var defaultCounterTypes: [AggregationType] = AggregationType.defaults(for: .counter)
    public var defaultGaugeTypes: [AggregationType] = AggregationType.defaults(for: .gauge)
    public var defaultTimerTypes: [AggregationType] = AggregationType.defaults(for: .timer)
    /// The policies of metadata that names none. None: such metrics are counted as unrouted.
    public var defaultStoragePolicies: [StoragePolicy] = []

    public var counterTypeString: TypeStringTransform = .empty
    public var gaugeTypeString: TypeStringTransform = .empty
    public var timerTypeString: TypeStringTransform = .empty
    /// Stands before all output ids, but for those of timed metrics without staged metadatas.
    public var metricPrefix = ""
    public var counterPrefix = ""
    public var gaugePrefix = ""
    public var timerPrefix = ""

    /// Whether a type whose value is NaN is left out.
    public var discardNaNAggregatedValues = true
    /// Whether every Add of a pipeline from outside is executed as Reset.
    public var addToReset = false
    public var quantileEstimator: QuantileEstimator = .exactThenDDSketch(limit: 1024)

    /// What becomes of the fractions of timed and forwarded counters.
    public var counterFractions: CounterFractions = .truncate
    /// What the transformation Add adds up.
    public var cumulativeAdd: CumulativeAdd = .shared
    /// Whether metrics that are to be stored as they are, are taken; else they are counted and dropped.
    public var passthroughEnabled = false

    public var limits = AggregatorLimits()
    /// Makes the series table proof against chosen ids; a random number per process.
    public var hashSeed: UInt64 = 0

    public init() {}

    /// The types of a default aggregation id for a metric type.
    public func defaultTypes(for metricType: MetricType) -> [AggregationType] {
        switch metricType {
        case .counter: defaultCounterTypes
        case .gauge: defaultGaugeTypes
        case .timer: defaultTimerTypes
        case .unknown: []
        }
    }

    func typeString(for metricType: MetricType) -> TypeStringTransform {
        switch metricType {
        case .counter: counterTypeString
        case .gauge: gaugeTypeString
        case .timer, .unknown: timerTypeString
        }
    }

    func prefix(for metricType: MetricType) -> String {
        switch metricType {
        case .counter: metricPrefix + counterPrefix
        case .gauge: metricPrefix + gaugePrefix
        case .timer, .unknown: metricPrefix + timerPrefix
        }
    }

    /// The age up to which a timed value is taken, and after which its window is published: B + r.
    @inlinable public func pastBufferNanos(resolutionNanos: Int64) -> Int64 {
        bufferForPastTimedMetricsNanos.addingSaturating(resolutionNanos)
    }

    /// The age up to which a value forwarded n times is taken, and after which its window is published.
    public func forwardingDelayNanos(resolutionNanos: Int64, numForwardedTimes: Int32) -> Int64 {
        let n = Int64(numForwardedTimes)
        return switch forwardingDelay {
        case .constant(let delay): delay.addingSaturating(resolutionNanos.multipliedSaturating(n))
        case .perStage(let delay):
            (jitter.isEnabled ? jitter.maxNanos(resolutionNanos: resolutionNanos) : resolutionNanos)
                .addingSaturating(delay.multipliedSaturating(n))
        }
    }
}

/// What becomes of the fractions of counters that arrive as floats: timed ones, and values of rollups.
public enum CounterFractions: String, Sendable, Hashable, CaseIterable {
    /// Every value is cut to an integer, as in M3: a rollup of rates loses what is behind the point.
    case truncate
    /// Values are added up as floats.
    case keep
}

/// What the transformation Add adds up.
public enum CumulativeAdd: String, Sendable, Hashable, CaseIterable {
    /// One total for all aggregation types of an element, to which a window that is published again is added again, as
    /// in M3.
    case shared
    /// A total for each aggregation type. A window that is published again is corrected in it, and the windows after it
    /// are published again, too.
    case perType
}

/// How long the values of a rollup are waited for.
public enum ForwardingDelay: Sendable, Hashable {
    /// This delay plus one resolution per stage.
    case constant(Int64)
    /// This delay per stage, plus the greatest jitter (or one resolution where there is no jitter).
    case perStage(Int64)
}

/// The bounds that keep bad or hostile input from growing the core. What passes one is counted by reason.
public struct AggregatorLimits: Sendable, Hashable {
    /// Bytes of a metric id; at most ``greatestIDBytes``. Encoded tag sets are rarely above 2 KiB.
    public var maxIDBytes = 16_384
    /// Live series of one worker: at 300 to 600 bytes each, some 10 GB.
    public var maxSeriesPerWorker = 20_000_000
    /// Distinct (policy, aggregation id, pipeline) of one series.
    public var maxElementsPerSeries = 64
    /// Windows that are open at once in one list; timed values 10 minutes ahead at 1 s need some 700.
    public var maxOpenWindows = 2_048
    /// Distinct metadata byte strings of one worker; about 1 KB each.
    public var maxMetadatas = 1_000_000
    public var maxMetadataBytes = 65_536
    /// Distinct (kind of list, resolution, number of forwards) of one worker.
    public var maxFlushBuckets = 256
    /// Distinct (list, metric type, policy, aggregation id, transformations) of one worker; each takes about 1 KB in
    /// every shard.
    public var maxShapes = 4_096
    /// Distinct annotations that are in use at once; further ones are left out of the output.
    public var maxAnnotations = 100_000
    public var maxAnnotationBytes = 1_024
    /// Rollup stages that a value may pass.
    public var maxForwardedTimes: Int32 = 16
    /// Bytes of one forwarded message; the receiver's m3msg frame limit less room for its own fields.
    public var maxForwardedMessageBytes = 4_128_768

    /// What the layout of a series record allows.
    public static let greatestIDBytes = 65_000

    public init() {}
}
