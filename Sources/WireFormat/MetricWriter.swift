public import Metrics

/// Writes payloads of the ingest topic (`metricpb.MetricWithMetadatas`), byte for byte as M3 does.
///
/// Metadata is given encoded (see ``MetadataCodec``), since senders use the same one for many metrics.
/// Source: `docs/wire-formats.md`.
public enum MetricWriter {
    /// - Parameters:
    ///   - clientTimeNanos: nanoseconds since 1970, 0 for none.
    ///   - metadatas: contents of a StagedMetadatas.
    public static func appendCounter(
        id: RawSpan, value: Int64, annotation: RawSpan = RawSpan(), clientTimeNanos: Int64 = 0, metadatas: RawSpan,
        to writer: inout ByteWriter
    ) {
        let metric =
            ProtobufSize.bytes(id.byteCount) &+ ProtobufSize.number(UInt64(bitPattern: value))
            &+ ProtobufSize.bytes(annotation.byteCount) &+ ProtobufSize.number(UInt64(bitPattern: clientTimeNanos))
        let envelope = Envelope(.counter, metric: metric, metadata: metadatas.byteCount)
        writer.appendExactly(envelope.size) { sink in
            envelope.begin(&sink)
            sink.bytes(tag: 0x0a, id)
            sink.number(tag: 0x10, value)
            sink.bytes(tag: 0x1a, annotation)
            sink.number(tag: 0x20, clientTimeNanos)
            sink.header(tag: 0x12, count: metadatas.byteCount)
            sink.raw(metadatas)
        }
    }

    /// - Parameters: as for ``appendCounter(id:value:annotation:clientTimeNanos:metadatas:to:)``.
    public static func appendGauge(
        id: RawSpan, value: Double, annotation: RawSpan = RawSpan(), clientTimeNanos: Int64 = 0, metadatas: RawSpan,
        to writer: inout ByteWriter
    ) {
        let metric =
            ProtobufSize.bytes(id.byteCount) &+ ProtobufSize.double(value)
            &+ ProtobufSize.bytes(annotation.byteCount) &+ ProtobufSize.number(UInt64(bitPattern: clientTimeNanos))
        let envelope = Envelope(.gauge, metric: metric, metadata: metadatas.byteCount)
        writer.appendExactly(envelope.size) { sink in
            envelope.begin(&sink)
            sink.bytes(tag: 0x0a, id)
            sink.double(tag: 0x11, value)
            sink.bytes(tag: 0x1a, annotation)
            sink.number(tag: 0x20, clientTimeNanos)
            sink.header(tag: 0x12, count: metadatas.byteCount)
            sink.raw(metadatas)
        }
    }

    /// - Parameters: as for ``appendCounter(id:value:annotation:clientTimeNanos:metadatas:to:)``; receivers ignore the
    ///   client time.
    public static func appendBatchTimer(
        id: RawSpan, values: Span<Double>, annotation: RawSpan = RawSpan(), clientTimeNanos: Int64 = 0,
        metadatas: RawSpan, to writer: inout ByteWriter
    ) {
        let metric =
            ProtobufSize.bytes(id.byteCount) &+ ProtobufSize.bytes(values.count &* 8)
            &+ ProtobufSize.bytes(annotation.byteCount) &+ ProtobufSize.number(UInt64(bitPattern: clientTimeNanos))
        let envelope = Envelope(.batchTimer, metric: metric, metadata: metadatas.byteCount)
        writer.appendExactly(envelope.size) { sink in
            envelope.begin(&sink)
            sink.bytes(tag: 0x0a, id)
            sink.packed(tag: 0x12, values)
            sink.bytes(tag: 0x1a, annotation)
            sink.number(tag: 0x20, clientTimeNanos)
            sink.header(tag: 0x12, count: metadatas.byteCount)
            sink.raw(metadatas)
        }
    }

    /// - Parameters:
    ///   - timeNanos: nanoseconds since 1970.
    ///   - metadatas: contents of a StagedMetadatas.
    public static func appendTimed(
        type: MetricType, id: RawSpan, timeNanos: Int64, value: Double, annotation: RawSpan = RawSpan(),
        metadatas: RawSpan, to writer: inout ByteWriter
    ) {
        appendTimed(.timedWithMetadatas, type, id, timeNanos, value, annotation, metadatas, routing: 0, to: &writer)
    }

    /// - Parameters:
    ///   - timeNanos: nanoseconds since 1970.
    ///   - metadata: contents of a TimedMetadata.
    public static func appendTimed(
        type: MetricType, id: RawSpan, timeNanos: Int64, value: Double, annotation: RawSpan = RawSpan(),
        metadata: RawSpan, to writer: inout ByteWriter
    ) {
        appendTimed(.timedWithMetadata, type, id, timeNanos, value, annotation, metadata, routing: 0, to: &writer)
    }

    /// - Parameters:
    ///   - timeNanos: nanoseconds since 1970.
    ///   - policy: contents of a StoragePolicy.
    public static func appendPassthrough(
        type: MetricType, id: RawSpan, timeNanos: Int64, value: Double, annotation: RawSpan = RawSpan(),
        policy: RawSpan, routingTrafficTypes: UInt64 = 0, to writer: inout ByteWriter
    ) {
        appendTimed(
            .passthrough, type, id, timeNanos, value, annotation, policy, routing: routingTrafficTypes, to: &writer)
    }

    /// - Parameters:
    ///   - timeNanos: nanoseconds since 1970.
    ///   - prevValues: empty, or as many as `values`.
    ///   - version: 0 for the first time this value is sent.
    ///   - metadata: contents of a ForwardMetadata.
    public static func appendForwarded(
        type: MetricType, id: RawSpan, timeNanos: Int64, values: Span<Double>, annotation: RawSpan = RawSpan(),
        prevValues: Span<Double> = Span(), version: UInt32 = 0, metadata: RawSpan, to writer: inout ByteWriter
    ) {
        let metric =
            ProtobufSize.number(UInt64(type.rawValue)) &+ ProtobufSize.bytes(id.byteCount)
            &+ ProtobufSize.number(UInt64(bitPattern: timeNanos)) &+ ProtobufSize.bytes(values.count &* 8)
            &+ ProtobufSize.bytes(annotation.byteCount) &+ ProtobufSize.bytes(prevValues.count &* 8)
            &+ ProtobufSize.number(UInt64(version))
        let envelope = Envelope(.forwarded, metric: metric, metadata: metadata.byteCount)
        writer.appendExactly(envelope.size) { sink in
            envelope.begin(&sink)
            sink.number(tag: 0x08, UInt64(type.rawValue))
            sink.bytes(tag: 0x12, id)
            sink.number(tag: 0x18, timeNanos)
            sink.packed(tag: 0x22, values)
            sink.bytes(tag: 0x2a, annotation)
            sink.packed(tag: 0x32, prevValues)
            sink.number(tag: 0x38, UInt64(version))
            sink.header(tag: 0x12, count: metadata.byteCount)
            sink.raw(metadata)
        }
    }

    @inline(__always)
    private static func appendTimed(
        _ kind: PayloadKind, _ type: MetricType, _ id: RawSpan, _ timeNanos: Int64, _ value: Double,
        _ annotation: RawSpan, _ metadata: RawSpan, routing: UInt64, to writer: inout ByteWriter
    ) {
        let metric = TimedFields.size(
            type, idCount: id.byteCount, timeNanos, value, annotationCount: annotation.byteCount)
        let routingSize = ProtobufSize.number(routing)
        let tail = kind == .passthrough ? ProtobufSize.message(routingSize) : 0
        let envelope = Envelope(kind, metric: metric, metadata: metadata.byteCount, tail: tail)
        writer.appendExactly(envelope.size) { sink in
            envelope.begin(&sink)
            sink.number(tag: 0x08, UInt64(type.rawValue))
            sink.bytes(tag: 0x12, id)
            sink.number(tag: 0x18, timeNanos)
            sink.double(tag: 0x21, value)
            sink.bytes(tag: 0x2a, annotation)
            sink.header(tag: 0x12, count: metadata.byteCount)
            sink.raw(metadata)
            if kind == .passthrough {
                sink.header(tag: 0x1a, count: routingSize)
                sink.number(tag: 0x08, routing)
            }
        }
    }
}

/// The fields of a `metricpb.TimedMetric`.
enum TimedFields {
    @inline(__always)
    static func size(
        _ type: MetricType, idCount: Int, _ timeNanos: Int64, _ value: Double, annotationCount: Int
    ) -> Int {
        ProtobufSize.number(UInt64(type.rawValue)) &+ ProtobufSize.bytes(idCount)
            &+ ProtobufSize.number(UInt64(bitPattern: timeNanos)) &+ ProtobufSize.double(value)
            &+ ProtobufSize.bytes(annotationCount)
    }
}

/// The layers around a metric and its metadata: their sizes, and what stands in front of the metric's fields.
private struct Envelope {
    let kind: PayloadKind
    let metric: Int
    let body: Int

    /// - Parameter tail: bytes behind the metadata.
    @inline(__always)
    init(_ kind: PayloadKind, metric: Int, metadata: Int, tail: Int = 0) {
        self.kind = kind
        self.metric = metric
        body = ProtobufSize.message(metric) &+ ProtobufSize.message(metadata) &+ tail
    }

    @inline(__always)
    var size: Int { 2 &+ ProtobufSize.message(body) }

    @inline(__always)
    func begin(_ sink: inout ProtobufSink) {
        sink.byte(0x08)
        sink.byte(kind.rawValue)
        sink.header(tag: (kind.rawValue &+ 1) << 3 | 2, count: body)
        sink.header(tag: 0x0a, count: metric)
    }
}
