import Metrics

/// How a rule that asks for several aggregations names what comes out.
///
/// Source: `docs/rules.md`, Several aggregations.
public enum OutputSuffix: String, Sendable, Hashable, CaseIterable {
    /// One output for each aggregation, `_sum`, `_max`, `_p99` … behind the metric name.
    case aggregation
    /// One output under the rule's own name, as M3 sends it: the values of a window overwrite each other.
    case none
}

extension AggregationType {
    /// What is put behind a metric name for this aggregation (`_sum`, `_max`, `_p99`).
    public var nameSuffix: String {
        switch self {
        case .min: "_min"
        case .max: "_max"
        default: "_" + suffix
        }
    }
}

extension AggregationID {
    private static let quantiles = AggregationID(AggregationType.allCases.filter { $0.quantile != nil })

    /// Whether a quantile is among the types, which only a timer computes.
    public var containsQuantile: Bool { rawValue & Self.quantiles.rawValue != 0 }

    /// How many types are named; 0 for the default.
    public var typeCount: Int { rawValue.nonzeroBitCount }
}
