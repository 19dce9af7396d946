public import Metrics

/// One aggregated value as it stands in the bytes of its payload.
public struct AggregatedMetricView: Sendable {
    /// `unknown` from aggregators, which do not say.
    public var metricType: Metrics.MetricType
    public var id: ByteRange
    /// Nanoseconds since 1970.
    public var timeNanos: Int64
    public var value: Double
    public var annotation: ByteRange
    public var storagePolicy: StoragePolicy
    public var routingTrafficTypes: UInt64
    /// Set by old versions of M3 only.
    public var encodeNanos: Int64
    /// The term of the leader that published the value, 0 for none. Source: `docs/wire-formats.md`.
    public var term: UInt64
}

/// Reads payloads of the topic with aggregated metrics (`metricpb.AggregatedMetric`).
public enum AggregatedMetricReader {
    /// - Throws: a ``WireError``: malformed, over a limit, or a storage policy without a meaning.
    public static func read(_ bytes: RawSpan, in payload: ByteRange) throws(WireError) -> AggregatedMetricView {
        var view = MetricView(kind: .passthrough, metricType: .unknown)
        var policy = StoragePolicyCodec.Figures()
        var rawType: Int32 = 0
        var encodeNanos: Int64 = 0
        var term: UInt64 = 0
        var aggregated = try WireCursor("AggregatedMetric", bytes, payload)
        while !aggregated.isAtEnd {
            let tag = try aggregated.tag(bytes)
            switch tag {
            case 0x0a:
                var metric = try aggregated.submessage("TimedMetricWithStoragePolicy", bytes)
                try readMetric(bytes, &metric, into: &view, &rawType, &policy)
            case 0x10: encodeNanos = Int64(bitPattern: try aggregated.varint(bytes))
            case UInt32(AggregatedMetricWriter.termTag): term = try aggregated.varint(bytes)
            default: try aggregated.skip(tag, lastKnown: 2, bytes)
            }
        }
        try MetricReader.check(view.id.count, WireLimits.maxIDBytes, "metric id bytes")
        try MetricReader.check(view.annotation.count, WireLimits.maxAnnotationBytes, "annotation bytes")
        return AggregatedMetricView(
            metricType: try MetricReader.metricType(rawType), id: view.id, timeNanos: view.timeNanos, value: view.value,
            annotation: view.annotation, storagePolicy: try policy.policy(),
            routingTrafficTypes: view.routingTrafficTypes, encodeNanos: encodeNanos, term: term)
    }

    private static func readMetric(
        _ bytes: RawSpan, _ metric: inout WireCursor, into view: inout MetricView,
        _ rawType: inout Int32, _ policy: inout StoragePolicyCodec.Figures
    ) throws(WireError) {
        while !metric.isAtEnd {
            let tag = try metric.tag(bytes)
            switch tag {
            case 0x0a: try MetricReader.readTimed(bytes, try metric.lengthDelimited(bytes), into: &view, &rawType)
            case 0x12:
                var storagePolicy = try metric.submessage("StoragePolicy", bytes)
                try StoragePolicyCodec.read(bytes, &storagePolicy, into: &policy)
            case 0x1a:
                var routing = try metric.submessage("RoutingPolicy", bytes)
                try MetricReader.readRoutingPolicy(bytes, &routing, into: &view.routingTrafficTypes)
            default: try metric.skip(tag, lastKnown: 3, bytes)
            }
        }
    }
}
