/// How the name of an aggregation type becomes the suffix of an output id.
///
/// The raw value is its name in M3's configuration. Source: `docs/aggregations.md`.
public enum TypeStringTransform: String, Sendable, Hashable, CaseIterable {
    /// The name as it is: `foo` becomes `foosum`.
    case noop
    /// Nothing: all types of a metric share its id.
    case empty
    /// The name behind a dot: `foo` becomes `foo.p99`.
    case suffix

    /// What is appended to the id of a metric for a type.
    public func typeString(of type: AggregationType) -> String {
        switch self {
        case .noop: type.suffix
        case .empty: ""
        case .suffix: "." + type.suffix
        }
    }
}
