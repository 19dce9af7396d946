import Aggregation
import Metrics
import WireFormat

/// Aggregates the series of some whole shards: takes payloads, keeps their windows, publishes them when they are due.
///
/// Synchronous and without a clock: every method takes the time. To be used by one owner at a time, and not from within
/// a sink: the properties that every value passes are not checked for overlapping accesses.
/// Source: `docs/aggregator.md`.
public final class AggregationWorker {
    let options: AggregatorOptions
    let owned: [Bool]
    let table: SeriesTable
    @exclusivity(unchecked) var metadatas = MetadataTable()
    var shapes: [ElementShape] = []
    var shapeIndices: [ShapeKey: UInt32] = [:]
    @exclusivity(unchecked) var pools: [TimerPool] = []
    var targets = RollupTargetTable()
    /// Targets of the specs that are being made.
    var specTargets: [UInt32] = []
    /// Targets that elements gave up; a flush may still have values for them.
    var retiredTargets: [UInt32] = []
    @exclusivity(unchecked) var columns: [Column] = []
    var columnIndices: [UInt64: UInt32] = [:]
    /// The elements of series that have several.
    var elementLists: [[ElementRef]] = []
    var freeElementLists: [UInt32] = []
    var buckets: [FlushBucket] = []
    var bucketIndices: [BucketKey: Int] = [:]
    @exclusivity(unchecked) var round = ForwardedRound()
    let output = FlushOutput()
    var random: SplitMix
    var startNanos: Int64?
    var isShutDown = false
    var tickSlot = 0

    /// What came in and what became of it; see ``AggregatorCounters/verify(openValues:)``.
    @exclusivity(unchecked) public internal(set) var counters = AggregatorCounters()
    public internal(set) var liveElements = 0

    /// - Parameter ownedShards: the shards whose series this worker takes.
    public init(options: AggregatorOptions, ownedShards: [UInt32]) {
        self.options = options
        var owned = Array(repeating: false, count: Int(max(options.numShards, 1)))
        for shard in ownedShards where Int(shard) < owned.count { owned[Int(shard)] = true }
        self.owned = owned
        table = SeriesTable(seed: options.hashSeed)
        random = SplitMix(state: options.hashSeed)
    }

    /// Series in the table.
    public var liveSeries: Int { table.count }

    /// Values in windows that are open.
    public var openValues: UInt64 { counters.applied &- counters.consumed &- counters.discarded.total }

    /// Bytes of the table, ids and columns, without sketches of timers.
    public var memoryBytes: Int { table.bytes + columns.reduce(0) { $0 + $1.memoryBytes } }

    // MARK: Shapes, targets, columns

    func shape(_ key: ShapeKey) throws(DropReason) -> UInt32 {
        if let index = shapeIndices[key] { return index }
        let types: [AggregationType]
        do {
            types =
                key.aggregationID.isDefault
                ? options.defaultTypes(for: key.metricType) : try key.aggregationID.types(for: key.metricType)
        } catch {
            throw .invalidAggregation
        }
        guard key.policy.isAggregatable else { throw .invalidResolution }
        guard key.transformations.filter(\.isBinary).count <= 1 else { throw .invalidPipeline }
        guard shapes.count < options.limits.maxShapes else { throw .shapeLimit }
        let shape = ElementShape(key, types: types, options: options)
        shapes.append(shape)
        pools.append(TimerPool(estimator: options.quantileEstimator, quantiles: shape.quantiles))
        let index = UInt32(shapes.count - 1)
        shapeIndices[key] = index
        return index
    }

    /// Forgets the rollup targets that neither an element nor a metadata names any more. Not amid a flush.
    func releaseTargets() {
        for target in metadatas.takeForgottenTargets() { targets.release(target) }
        for target in retiredTargets { targets.release(target) }
        retiredTargets.removeAll(keepingCapacity: true)
    }

    func column(_ shard: UInt32, _ shapeIndex: UInt32, now: Int64) throws(DropReason) -> UInt32 {
        let key = UInt64(shard) << 32 | UInt64(shapeIndex)
        if let index = columnIndices[key] { return index }
        let shape = shapes[Int(shapeIndex)]
        let bucket = try bucket(shape.key.bucket, now: now)
        columns.append(
            Column(
                shape: shape, shapeIndex: shapeIndex, shard: shard, numShards: options.numShards,
                maxWindows: options.limits.maxOpenWindows))
        let index = UInt32(columns.count - 1)
        columnIndices[key] = index
        buckets[bucket].add(column: index, shard: shard)
        return index
    }

    private func bucket(_ key: BucketKey, now: Int64) throws(DropReason) -> Int {
        if let index = bucketIndices[key] { return index }
        guard buckets.count < options.limits.maxFlushBuckets else { throw .flushBucketLimit }
        buckets.append(FlushBucket(key, options: options, random: random.next(), now: now))
        bucketIndices[key] = buckets.count - 1
        return buckets.count - 1
    }

    // MARK: Elements of a series

    func forEachElement(_ record: UnsafeMutablePointer<SeriesRecord>, _ body: (ElementRef) -> Void) {
        switch record.pointee.elementCount {
        case 0: return
        case 1: body(record.pointee.elements)
        default: for element in elementLists[Int(record.pointee.elements.element)] { body(element) }
        }
    }

    func elements(of record: UnsafeMutablePointer<SeriesRecord>) -> [ElementRef] {
        switch record.pointee.elementCount {
        case 0: []
        case 1: [record.pointee.elements]
        default: elementLists[Int(record.pointee.elements.element)]
        }
    }

    func setElements(_ elements: [ElementRef], of record: UnsafeMutablePointer<SeriesRecord>) {
        if record.pointee.elementCount > 1 {
            let old = record.pointee.elements.element
            elementLists[Int(old)] = []
            freeElementLists.append(old)
        }
        record.pointee.elementCount = UInt16(elements.count)
        switch elements.count {
        case 0: break
        case 1: record.pointee.elements = elements[0]
        default:
            if let free = freeElementLists.popLast() {
                elementLists[Int(free)] = elements
                record.pointee.elements = ElementRef(column: 0, element: free)
            } else {
                elementLists.append(elements)
                record.pointee.elements = ElementRef(column: 0, element: UInt32(elementLists.count - 1))
            }
        }
    }

    func spec(of element: ElementRef) -> ElementSpec {
        let column = columns[Int(element.column)]
        return ElementSpec(shape: column.shapeIndex, target: column.targets[Int(element.element)])
    }

    func addElement(_ spec: ElementSpec, shard: UInt32, ref: UInt32, now: Int64) throws(DropReason) -> ElementRef {
        let index = try column(shard, spec.shape, now: now)
        let row = columns[Int(index)].addRow(series: ref, target: spec.target)
        table.record(ref).pointee.holders += 1
        targets.retain(spec.target)
        counters.elementsCreated += 1
        liveElements += 1
        return ElementRef(column: index, element: row)
    }

    func tombstone(_ element: ElementRef) { columns[Int(element.column)].tombstone(element.element) }

    /// Gives up one hold on a record, and its memory with the last one.
    func releaseRecord(_ ref: UInt32) {
        let record = table.record(ref)
        record.pointee.holders -= 1
        if record.pointee.holders == 0 { table.release(ref) }
    }
}

/// A small generator for the jitter of flush buckets.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
