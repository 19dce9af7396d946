import Metrics

/// What a sender says about a series beside its labels. It is part of what rules match and of how samples travel.
public struct SeriesAttributes: Sendable, Hashable {
    /// The type a Prometheus client declared, with the numbers of remote write and of annotations.
    public enum PrometheusType: UInt8, Sendable, CaseIterable {
        case unknown = 0
        case counter = 1
        case gauge = 2
        case histogram = 3
        case gaugeHistogram = 4
        case summary = 5
        case info = 6
        case stateSet = 7

        /// The value of the label `__m3_prom_type__` that filters may ask for.
        public var name: String {
            switch self {
            case .unknown: "unknown"
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            case .gaugeHistogram: "gauge_histogram"
            case .summary: "summary"
            case .info: "info"
            case .stateSet: "state_set"
            }
        }
    }

    /// The format a series came from, with the numbers of remote write.
    public enum Source: UInt8, Sendable, CaseIterable {
        case prometheus = 0
        case graphite = 1
        case openMetrics = 2
    }

    /// Gauge, counter or timer: how the aggregator treats the samples. Prometheus series are gauges.
    public var metricType: MetricType
    public var prometheusType: PrometheusType
    public var source: Source

    public init(
        metricType: MetricType = .gauge, prometheusType: PrometheusType = .unknown, source: Source = .prometheus
    ) {
        self.metricType = metricType
        self.prometheusType = prometheusType
        self.source = source
    }

    /// All three in one word, for hashing and comparing.
    @inline(__always) var packed: UInt64 {
        UInt64(metricType.rawValue) << 16 | UInt64(prometheusType.rawValue) << 8 | UInt64(source.rawValue)
    }
}
