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
    let owners: [ShardOwner]
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
    var random: SplitMix64
    var startNanos: Int64?
    var isShutDown = false
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
    public init(
        options: AggregatorOptions, ownedShards: [UInt32], instanceShards: [UInt32]? = nil, startNanos: Int64? = nil
    ) {
        self.options = options
        let numShards = max(options.numShards, 1)
        var owners = [ShardOwner](
            repeating: instanceShards == nil ? .anotherWorker : .nobody, count: Int(numShards))
        for shard in instanceShards ?? [] where shard < numShards { owners[Int(shard)] = .anotherWorker }
        for shard in ownedShards where shard < numShards { owners[Int(shard)] = .thisWorker }
        self.owners = owners
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
    }

    /// Series in the table.
    public var liveSeries: Int { table.count }

    /// Values in windows that are open, as the counters have it.
    public var openValues: UInt64 { counters.applied &- counters.consumed &- counters.discarded.total }

    /// Values in windows that are open, from a walk over all of them: for ``verify()``, not for each scrape.
    var openValuesInWindows: UInt64 {
        var total: UInt64 = 0
        for number in columns.numbers {
            let column = columns[number]
            for window in column.pointee.windows {
                window.forEachRow { total &+= $1[0] & RowHead.countMask }
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
