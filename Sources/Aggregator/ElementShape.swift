import Aggregation
import Metrics
import WireFormat

/// The kind of a list of elements: what decides when its windows are published.
public enum ListKind: UInt8, Sendable, Hashable, CaseIterable {
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

/// Everything that elements of one column have in common. Series differ in their ids, rollups and routing only.
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
    /// Of timers, when their metadata names one.
    var quantileMethod: QuantileMethod?

    /// Whether the rollup gets all values of a timer, as a sketch, and not only those of its aggregation types.
    var forwardsSketch: Bool {
        metricType == .timer && isRolledUp && transformations.isEmpty && quantileMethod == .ddsketch
    }

    func estimator(_ options: AggregatorOptions) -> QuantileEstimator {
        switch (options.quantileEstimator, quantileMethod) {
        case (.m3, .ddsketch): .standard
        case (.exactThenDDSketch, .m3): .m3Default
        case (let estimator, _): estimator
        }
    }
}

/// A ``ShapeKey`` with what follows from it.
final class ElementShape {
    let key: ShapeKey
    /// How values are added up: counters that keep fractions are added up like gauges.
    let valueType: MetricType
    let types: [AggregationType]
    let quantiles: [Double]
    let layout: RowLayout
    /// Contents of the encoded StoragePolicy.
    let policyBytes: [UInt8]
    let prefix: [UInt8]
    /// The bytes behind the id, for each type.
    let suffixes: [[UInt8]]
    let hasAffixBytes: Bool
    let phase: Int64
    /// Words of history for each element: an input for each type when there is a binary transformation, and a total
    /// for each Add.
    let binaryInputs: Int
    let addTotals: Int
    /// Whether each type has totals of its own.
    let addsPerType: Bool

    init(_ key: ShapeKey, types: [AggregationType], options: AggregatorOptions) {
        self.key = key
        self.types = types
        quantiles = AggregationType.quantiles(of: types)
        let keepsFractions = options.counterFractions == .keep && key.bucket.kind != .standard
        valueType = key.metricType == .counter && keepsFractions ? .gauge : key.metricType
        layout = RowLayout(
            metricType: valueType, types: types, isForwarded: key.bucket.kind == .forwarded,
            keepsValues: key.forwardsSketch)
        policyBytes = MetadataCodec.encode(key.policy)
        phase = WindowAlignment.phase(resolutionNanos: key.bucket.resolutionNanos)
        prefix = key.hasAffixes ? Array(options.prefix(for: key.metricType).utf8) : []
        let typeString = options.typeString(for: key.metricType)
        suffixes = types.map { key.hasAffixes ? Array(typeString.typeString(of: $0).utf8) : [] }
        hasAffixBytes = !prefix.isEmpty || suffixes.contains { !$0.isEmpty }
        binaryInputs = key.transformations.contains(where: \.isBinary) ? types.count : 0
        addsPerType = options.cumulativeAdd == .perType
        addTotals = key.transformations.count { $0 == .add } * (addsPerType ? types.count : 1)
    }

    /// What a published window is stamped with: its end, or for forwarded values, which are stamped already, its start.
    func outputTime(ofWindow start: Int64) -> Int64 {
        key.bucket.kind == .forwarded ? start : start.addingSaturating(key.bucket.resolutionNanos)
    }
}

/// Where elements forward to: one message goes there for each source shard and window, whatever elements it is from.
struct RollupDestination: Hashable {
    var metricType: MetricType
    var id: [UInt8]
    var aggregationID: AggregationID
    var policy: StoragePolicy
    /// The steps behind the rollup.
    var remainder: AppliedPipeline
    var numForwardedTimes: Int32
    var quantileMethod: QuantileMethod?
}

/// What elements of one column may differ in, besides their ids.
struct ElementTarget: Hashable {
    var rollup: RollupDestination?
    var routingTrafficTypes: UInt64
    /// Whether a window that was published is published again when late values change it.
    var resendEnabled = false
}

/// One element that a metadata asks for.
struct ElementSpec: Equatable {
    /// Number of the ``ElementShape``.
    var shape: UInt32
    /// Number of the ``ElementTarget``, 0 for no rollup and no routing.
    var target: UInt32
}
