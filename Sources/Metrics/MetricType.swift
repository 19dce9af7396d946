/// The kind of a metric, with the numbers that travel on the wire (`metricpb.MetricType`).
public enum MetricType: UInt8, Sendable, Hashable, CaseIterable {
    case unknown = 0
    case counter = 1
    case timer = 2
    case gauge = 3

    /// The lower-case name used in logs, metrics and label values.
    public var name: String {
        switch self {
        case .unknown: "unknown"
        case .counter: "counter"
        case .timer: "timer"
        case .gauge: "gauge"
        }
    }
}
