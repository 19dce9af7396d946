import Metrics
import WireFormat

/// The kind of a list of elements: what decides when its windows are published.
enum ListKind: UInt8, Hashable, CaseIterable {
    /// Untimed metrics, windowed by the time of arrival.
    case standard
    case timed
    case forwarded
}

/// Which flush bucket an element belongs to.
struct BucketKey: Hashable {
    var kind: ListKind
    var resolutionNanos: Int64
    var numForwardedTimes: Int32
}

/// Everything that elements of one column have in common. Series differ in their ids and rollup targets only.
struct ShapeKey: Hashable {
    var bucket: BucketKey
    var metricType: MetricType
    var policy: StoragePolicy
    /// The id as it was sent: 0 and the id of the default types are two keys, as in M3.
    var aggregationID: AggregationID
    /// The transformations before the first rollup.
    var transformations: [TransformationType]
    var isRolledUp: Bool
    /// Whether prefix and type string of the options go around the id.
    var hasAffixes: Bool
    var routingTrafficTypes: UInt64
}

/// A ``ShapeKey`` with what follows from it.
final class ElementShape {
    let key: ShapeKey
    let types: [AggregationType]
    let quantiles: [Double]
    /// Contents of the encoded StoragePolicy.
    let policyBytes: [UInt8]
    let prefix: [UInt8]
    /// The bytes behind the id, for each type.
    let suffixes: [[UInt8]]
    let phase: Int64
    let needsSum: Bool
    let needsSquares: Bool
    let needsMin: Bool
    let needsMax: Bool
    let needsLast: Bool
    let hasBinary: Bool
    let addCount: Int

    init(_ key: ShapeKey, types: [AggregationType], options: AggregatorOptions) {
        self.key = key
        self.types = types
        quantiles = AggregationType.quantiles(of: types)
        policyBytes = MetadataCodec.encode(key.policy)
        phase = WindowAlignment.phase(resolutionNanos: key.bucket.resolutionNanos)
        prefix = key.hasAffixes ? Array(options.prefix(for: key.metricType).utf8) : []
        let typeString = options.typeString(for: key.metricType)
        suffixes = types.map { key.hasAffixes ? Array(typeString.typeString(of: $0).utf8) : [] }
        needsSum = types.contains { [.sum, .mean, .stdev].contains($0) }
        needsSquares = AggregationType.needsSumOfSquares(types)
        needsMin = types.contains(.min)
        needsMax = types.contains(.max)
        needsLast = types.contains(.last)
        hasBinary = key.transformations.contains(where: \.isBinary)
        addCount = key.transformations.filter { $0 == .add }.count
    }

    /// The window's start that a time falls into.
    @inline(__always)
    func windowStart(of timeNanos: Int64) -> Int64 {
        WindowAlignment.start(of: timeNanos, resolutionNanos: key.bucket.resolutionNanos, phase: phase)
    }

    /// What a published window is stamped with: its end, or for forwarded values, which are stamped already, its start.
    func outputTime(ofWindow start: Int64) -> Int64 {
        key.bucket.kind == .forwarded ? start : start.addingSaturating(key.bucket.resolutionNanos)
    }
}

/// Where the values of an element go when its pipeline has a rollup.
struct RollupTarget: Hashable {
    var id: [UInt8]
    var aggregationID: AggregationID
    /// The steps behind the rollup.
    var remainder: AppliedPipeline
}

/// One element that a metadata asks for.
struct ElementSpec: Equatable {
    /// Index of the ``ElementShape``.
    var shape: UInt32
    /// Index of the ``RollupTarget``, 0 for none.
    var target: UInt32
}
