import Metrics

/// The annotation that tells readers of aggregated data what kind of series it was.
///
/// Source: `docs/rules.md`, Annotations.
enum SeriesAnnotation {
    /// The bytes of M3's annotation message; empty when every field has its default.
    static func encode(_ attributes: SeriesAttributes, metricName: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        func field(_ tag: UInt8, _ value: UInt8) {
            if value != 0 { bytes += [tag, value] }
        }
        field(0x08, prometheusType(attributes).rawValue)
        field(0x10, handlesValueResets(attributes, metricName) ? 1 : 0)
        if attributes.source == .graphite {
            field(0x18, 1)
            field(0x20, graphiteType(attributes.metricType))
        }
        return bytes
    }

    private static func prometheusType(_ attributes: SeriesAttributes) -> SeriesAttributes.PrometheusType {
        guard attributes.source == .graphite else { return attributes.prometheusType }
        return switch attributes.metricType {
        case .counter: .counter
        case .gauge: .gauge
        case .timer, .unknown: .unknown
        }
    }

    private static func graphiteType(_ type: MetricType) -> UInt8 {
        switch type {
        case .unknown: 0
        case .counter: 1
        case .gauge: 2
        case .timer: 3
        }
    }

    /// Whether the values only grow and start again at 0 after a restart of their source.
    private static func handlesValueResets(_ attributes: SeriesAttributes, _ name: [UInt8]) -> Bool {
        func ends(_ suffixes: String...) -> Bool {
            suffixes.contains { name.suffix($0.utf8.count).elementsEqual($0.utf8) }
        }
        switch (attributes.source, attributes.prometheusType) {
        case (.graphite, _): return false
        case (_, .counter): return true
        case (.prometheus, .histogram): return true
        case (.openMetrics, .histogram): return !ends("_created")
        case (.prometheus, .gaugeHistogram): return ends("_count", "_gcount")
        case (.openMetrics, .gaugeHistogram): return ends("_gcount")
        case (_, .summary): return ends("_count", "_sum")
        default: return false
        }
    }
}
