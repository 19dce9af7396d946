/// What is wrong with a value of the vocabulary: names the value, and what would be right.
public enum MetricsError: Error, Equatable, Sendable, CustomStringConvertible {
    case invalidAggregationType(String)
    case invalidAggregationID(UInt64)
    case invalidAggregationTypes([AggregationType], for: MetricType)
    case invalidDuration(String, reason: String)
    case invalidStoragePolicy(String, reason: String)
    case invalidDropPolicy(String)
    case invalidTransformationType(String)
    case invalidEncodedTags(String)
    case invalidM3ID(String)
    case tooManyDerivatives(Int)

    public var description: String {
        switch self {
        case .invalidAggregationType(let name):
            "invalid aggregation type: \(name)"
        case .invalidAggregationID(let id):
            "invalid aggregation id \(id): it has a bit set that stands for no aggregation type (1 to 24)"
        case .invalidAggregationTypes(let types, let metricType):
            "invalid aggregation types \(types.map(\.name)) for \(metricType.name)"
        case .invalidDuration(let text, let reason):
            "invalid duration '\(text)': \(reason); write numbers and units, such as 1h30m"
        case .invalidStoragePolicy(let text, let reason):
            "invalid storage policy '\(text)': \(reason); write RESOLUTION[@PRECISION]:RETENTION, such as 10s:2d"
        case .invalidDropPolicy(let text):
            "invalid drop policy '\(text)': one of drop_none, drop_must, drop_if_only_match"
        case .invalidTransformationType(let text):
            "invalid transformation type '\(text)': one of Absolute, PerSecond, Increase, Add, Reset"
        case .invalidEncodedTags(let reason):
            "invalid encoded tags: \(reason)"
        case .invalidM3ID(let text):
            "invalid m3 metric '\(text)': write m3+NAME+tag=value,tag=value"
        case .tooManyDerivatives(let order):
            "pipeline transformation derivative order is \(order) higher than supported 1"
        }
    }
}
