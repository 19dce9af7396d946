import Aggregation
import Metrics
import WireFormat

/// Aggregates the series of some whole shards: takes payloads, keeps their windows, publishes them when they are due.
///
/// Synchronous and without a clock: every method takes the time, nanoseconds since 1970, which should not run
/// backwards. To be used by one owner at a time. Source: `docs/aggregator.md`.
public final class AggregationWorker {
    /// Who has a shard.
    enum ShardOwner: UInt8 {
        case thisWorker
        case anotherWorker
        case nobody
    }

    let options: AggregatorOptions
    /// By shard.
    var owners: [ShardOwner]
    /// The worker's own, with the times between which they are its own.
    var ownedShards: [UInt32: OwnedShard] = [:]
    let table: SeriesTable
    let metadatas: MetadataTable
    let annotations: AnnotationTable
    let sources: SourceSets
    let pool = PagePool()
    let columns = ColumnStore()
    let prepared: PreparedBatch
    @exclusivity(unchecked) var forwardSource = ForwardMetadataSource()
    var shapes = ReferencedTable<ShapeKey, (shape: ElementShape, timers: TimerPool)>()
    @exclusivity(unchecked) var targets = ReferencedTable<ElementTarget, ElementTarget>()
    var columnNumbers: [ColumnKey: UInt32] = [:]
    @exclusivity(unchecked) var buckets: [FlushBucket] = []
    var bucketNumbers: [BucketKey: Int] = [:]
    @exclusivity(unchecked) var round = ForwardedRound()
    let output = FlushOutput()
    /// Metrics that are handed on as they are.
    let passthroughOutput = FlushOutput()
    /// Whether passthrough metrics are published; a follower drops them without a count of its own, as in M3.
    public var publishesPassthrough = true
    /// The term of the leadership that publishes, which every aggregated metric bears; 0 for none.
    public var term: UInt64 = 0
    var takesPassthrough = false
    @exclusivity(unchecked) var flushMode = FlushMode.publish
    @exclusivity(unchecked) var isDiscarding = false
    /// Room for an id with prefix and suffix, and for the metadata of a forwarded message.
    var outputID: [UInt8] = []
    @exclusivity(unchecked) var forwardMetadata = ByteWriter(capacity: 256)
    var random: SplitMix64
    var startNanos: Int64?
    var isShutDown = false
    /// The limits in force.
    public internal(set) var runtime: AggregatorRuntimeOptions
    /// Of each shard that has had a series, when the first one came.
    var firstSeriesAt: [UInt32: Int64] = [:]
    var newSeriesLimiters: [UInt32: RateLimiter] = [:]
    /// By record, while there is a limit.
    var valueLimiters: [UInt32: RateLimiter] = [:]
    /// The times at which every shard takes values.
    var writableFrom: Int64 = .min
    var writableBefore: Int64 = .max
    /// Whether values have to be looked at one by one before they are taken.
    @exclusivity(unchecked) var restrictsWrites = false
    var tickSlot = 0
    var trimmedAt: Int64 = 0
    /// Values of a batch, as a timer's quantiles take them.
    let batch = ValueBuffer()

    /// What came in and what became of it; see ``AggregatorCounters/verify(openValues:)``.
    @exclusivity(unchecked) public internal(set) var counters = AggregatorCounters()
    /// Elements: a series under one policy, aggregation id and pipeline. Those of expired series count until their
    /// last window is published.
    public internal(set) var liveElements = 0

    /// - Parameters:
    ///   - options: validated ones; see ``AggregatorOptions/validate(rollupResolutionsNanos:)``.
    ///   - ownedShards: the shards whose series this worker takes.
    ///   - instanceShards: those of all workers of the instance. Metrics of other shards are counted as
    ///     `shard_not_owned`; when this is nil they are all reported as misrouted.
    ///   - startNanos: windows that begin earlier are counted as partial; the time of the first call when nil.
    public convenience init(
        options: AggregatorOptions, ownedShards: [UInt32], instanceShards: [UInt32]? = nil, startNanos: Int64? = nil
    ) {
        self.init(
            options: options, shards: ownedShards.map { OwnedShard(shard: $0) }, instanceShards: instanceShards,
            startNanos: startNanos)
    }

    /// - Parameters:
    ///   - options: validated ones; see ``AggregatorOptions/validate(rollupResolutionsNanos:)``.
    ///   - shards: the shards whose series this worker takes, with the times between which they are the instance's.
    ///   - instanceShards: those of all workers of the instance. Metrics of other shards are counted as
    ///     `shard_not_owned`; when this is nil they are all reported as misrouted.
    ///   - startNanos: windows that begin earlier are counted as partial; the time of the first call when nil.
    public init(
        options: AggregatorOptions, shards: [OwnedShard], instanceShards: [UInt32]? = nil, startNanos: Int64? = nil
    ) {
        self.options = options
        let numShards = max(options.numShards, 1)
        owners = []
        runtime = options.runtime
        self.startNanos = startNanos
        table = SeriesTable(seed: options.hashSeed)
        metadatas = MetadataTable(seed: options.hashSeed)
        annotations = AnnotationTable(maxCount: options.limits.maxAnnotations, seed: options.hashSeed)
        sources = SourceSets(numSources: numShards)
        prepared = PreparedBatch()
        random = SplitMix64(state: options.hashSeed)
        // Target 0, of elements without rollup and routing, is always there.
        let plain = ElementTarget(rollup: nil, routingTrafficTypes: 0)
        targets.retain(targets.add(plain, plain))
        metadatas.onForget = { [unowned self] entry in
            for case .success(let specs) in entry.specs.values { for spec in specs { release(spec) } }
        }
        assign(shards, instanceShards: instanceShards)
    }

    /// Series in the table.
    public var liveSeries: Int { table.count }

    /// Values in windows that are open, as the counters have it.
    public var openValues: UInt64 { counters.applied &- counters.consumed &- counters.discarded.total }

    /// Values in windows that are open, from a walk over all of them: some nanoseconds for each open window of a series,
    /// so not for each scrape.
    public var openValuesInWindows: UInt64 {
        var total: UInt64 = 0
        for number in columns.numbers {
            let column = columns[number]
            for window in column.pointee.windows {
                window.forEachRow { total &+= $1[0] & RowHead.countMask }
            }
            for revisions in column.pointee.revisions.values {
                for window in revisions.windows where window.isInRow { total &-= window.consumedCount }
            }
        }
        return total
    }

    /// Bytes of the table, ids, elements, windows and metadata, without the values of timers.
    public var memoryBytes: Int { table.bytes + pool.bytes + metadatas.bytes + sources.bytes }

    /// The equations of conservation that do not hold at the moment; empty when all is well.
    public func verify() -> [String] { counters.verify(openValues: openValuesInWindows) }
}

/// A small generator for the jitter of flush buckets (SplitMix64, Sebastiano Vigna, public domain).
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
