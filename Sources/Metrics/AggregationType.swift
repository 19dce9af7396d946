/// One way of reducing the values of a window to a number.
///
/// The raw value is the number on the wire and the bit position in an ``AggregationID``.
/// Source: `docs/aggregations.md`.
public enum AggregationType: UInt8, Sendable, Hashable, CaseIterable {
    case last = 1
    case min = 2
    case max = 3
    case mean = 4
    case median = 5
    case count = 6
    case sum = 7
    case sumSq = 8
    case stdev = 9
    case p10 = 10
    case p20 = 11
    case p30 = 12
    case p40 = 13
    case p50 = 14
    case p60 = 15
    case p70 = 16
    case p80 = 17
    case p90 = 18
    case p95 = 19
    case p99 = 20
    case p999 = 21
    case p9999 = 22
    case p25 = 23
    case p75 = 24

    /// The quantile in 0...1 that the type reports, or nil when it is no quantile.
    public var quantile: Double? {
        switch self {
        case .median, .p50: 0.5
        case .p10: 0.1
        case .p20: 0.2
        case .p25: 0.25
        case .p30: 0.3
        case .p40: 0.4
        case .p60: 0.6
        case .p70: 0.7
        case .p75: 0.75
        case .p80: 0.8
        case .p90: 0.9
        case .p95: 0.95
        case .p99: 0.99
        case .p999: 0.999
        case .p9999: 0.9999
        default: nil
        }
    }

    /// The name in rules and policies (`Sum`, `P99`).
    public var name: String {
        switch self {
        case .last: "Last"
        case .min: "Min"
        case .max: "Max"
        case .mean: "Mean"
        case .median: "Median"
        case .count: "Count"
        case .sum: "Sum"
        case .sumSq: "SumSq"
        case .stdev: "Stdev"
        default: "P" + suffix.dropFirst()
        }
    }

    /// The suffix that M3 appends to ids (`lower` for Min, `sum_sq` for SumSq, `p99`).
    public var suffix: String {
        switch self {
        case .last: "last"
        case .min: "lower"
        case .max: "upper"
        case .mean: "mean"
        case .median: "median"
        case .count: "count"
        case .sum: "sum"
        case .sumSq: "sum_sq"
        case .stdev: "stdev"
        case .p10: "p10"
        case .p20: "p20"
        case .p25: "p25"
        case .p30: "p30"
        case .p40: "p40"
        case .p50: "p50"
        case .p60: "p60"
        case .p70: "p70"
        case .p75: "p75"
        case .p80: "p80"
        case .p90: "p90"
        case .p95: "p95"
        case .p99: "p99"
        case .p999: "p999"
        case .p9999: "p9999"
        }
    }

    /// Whether a metric of that type can be reduced this way: quantiles need a timer, Last a gauge.
    public func isValid(for metricType: MetricType) -> Bool {
        switch metricType {
        case .counter: quantile == nil && self != .last
        case .gauge: quantile == nil
        case .timer: self != .last
        case .unknown: false
        }
    }

    /// Reads a name as it stands in rules: exact first, then without regard to case.
    /// - Throws: ``MetricsError/invalidAggregationType(_:)``
    public init(name: String) throws(MetricsError) {
        guard
            let type = Self.allCases.first(where: { $0.name == name })
                ?? Self.allCases.first(where: { $0.name.lowercased() == name.lowercased() })
        else { throw .invalidAggregationType(name) }
        self = type
    }

    /// Reads names separated by commas, without spaces.
    /// - Throws: ``MetricsError/invalidAggregationType(_:)``, also for an empty name.
    public static func list(parsing text: String) throws(MetricsError) -> [AggregationType] {
        var types: [AggregationType] = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            types.append(try AggregationType(name: String(name)))
        }
        return types
    }

    /// The quantiles of some types in their order, each once: what an estimator has to answer.
    public static func quantiles(of types: some Sequence<AggregationType>) -> [Double] {
        var quantiles: [Double] = []
        for type in types {
            if let quantile = type.quantile, !quantiles.contains(quantile) { quantiles.append(quantile) }
        }
        return quantiles
    }

    /// Whether any of the types needs the sum of squares, which is only kept when asked for.
    public static func needsSumOfSquares(_ types: some Sequence<AggregationType>) -> Bool {
        types.contains { $0 == .sumSq || $0 == .stdev }
    }

    /// The types that stand for the default id 0, in the order in which their values come out.
    public static func defaults(for metricType: MetricType) -> [AggregationType] {
        switch metricType {
        case .counter: [.sum]
        case .gauge: [.last]
        case .timer: [.sum, .sumSq, .mean, .min, .max, .count, .stdev, .median, .p50, .p95, .p99]
        case .unknown: []
        }
    }
}
