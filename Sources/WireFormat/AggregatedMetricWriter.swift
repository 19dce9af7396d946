public import Metrics

/// Writes payloads of the topic with aggregated metrics (`metricpb.AggregatedMetric`), byte for byte as M3 does while no
/// term is given. Source: `docs/wire-formats.md`.
public enum AggregatedMetricWriter {
    /// Field 15 as varint: terms are small numbers.
    static let termTag: UInt8 = 15 << 3

    /// - Parameters:
    ///   - idPrefix: bytes in front of `id`, so that the caller need not join them.
    ///   - idSuffix: bytes behind `id`.
    ///   - timeNanos: nanoseconds since 1970.
    ///   - policy: contents of a StoragePolicy, see ``MetadataCodec/encode(_:)-(StoragePolicy)``.
    ///   - term: the term of the leader; 0 leaves it out.
    public static func append(
        type: MetricType = .unknown, idPrefix: RawSpan = RawSpan(), id: RawSpan, idSuffix: RawSpan = RawSpan(),
        timeNanos: Int64, value: Double, annotation: RawSpan = RawSpan(), policy: RawSpan,
        routingTrafficTypes: UInt64 = 0, encodeNanos: Int64 = 0, term: UInt64 = 0, to writer: inout ByteWriter
    ) {
        let idCount = idPrefix.byteCount &+ id.byteCount &+ idSuffix.byteCount
        let metric = TimedFields.size(type, idCount: idCount, timeNanos, value, annotationCount: annotation.byteCount)
        let routing = ProtobufSize.number(routingTrafficTypes)
        let body =
            ProtobufSize.message(metric) &+ ProtobufSize.message(policy.byteCount) &+ ProtobufSize.message(routing)
        let size =
            ProtobufSize.message(body) &+ ProtobufSize.number(UInt64(bitPattern: encodeNanos))
            &+ ProtobufSize.number(term)
        writer.appendExactly(size) { sink in
            sink.header(tag: 0x0a, count: body)
            sink.header(tag: 0x0a, count: metric)
            sink.number(tag: 0x08, UInt64(type.rawValue))
            if idCount > 0 {
                sink.header(tag: 0x12, count: idCount)
                sink.raw(idPrefix)
                sink.raw(id)
                sink.raw(idSuffix)
            }
            sink.number(tag: 0x18, timeNanos)
            sink.double(tag: 0x21, value)
            sink.bytes(tag: 0x2a, annotation)
            sink.header(tag: 0x12, count: policy.byteCount)
            sink.raw(policy)
            sink.header(tag: 0x1a, count: routing)
            sink.number(tag: 0x08, routingTrafficTypes)
            sink.number(tag: 0x10, encodeNanos)
            sink.number(tag: termTag, term)
        }
    }
}
