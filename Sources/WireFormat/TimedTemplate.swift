public import Metrics

/// A payload of a timed metric of which only time and value change from sample to sample: its parts in the bytes that
/// ``MetricWriter/appendTimedTemplate(type:id:annotation:metadatas:to:)`` wrote.
public struct TimedTemplate: Sendable {
    /// The whole payload, with a time of nine bytes and a value of eight.
    @usableFromInline let payload: ByteRange
    /// Offsets from the payload's start.
    @usableFromInline let timeOffset: Int
    @usableFromInline let valueOffset: Int
    public let id: ByteRange
    public let annotation: ByteRange
    /// Contents of a StagedMetadatas.
    public let metadatas: ByteRange

    /// Times of 2 January 1972 to 2262, whose encoding takes nine bytes.
    static let earliestNanos: Int64 = 1 << 56
}

extension MetricWriter {
    /// Writes the parts of a timed metric with staged metadatas that are the same for all samples of a series.
    /// - Parameter metadatas: contents of a StagedMetadatas.
    public static func appendTimedTemplate(
        type: MetricType, id: RawSpan, annotation: RawSpan = RawSpan(), metadatas: RawSpan, to writer: inout ByteWriter
    ) -> TimedTemplate {
        let start = writer.count
        appendTimed(
            type: type, id: id, timeNanos: TimedTemplate.earliestNanos, value: 1, annotation: annotation,
            metadatas: metadatas, to: &writer)
        // The fields stand in the order id, time, value, annotation, metadata: their places follow from the end.
        let end = writer.count
        let annotationEnd = end - ProtobufSize.message(metadatas.byteCount)
        let valueEnd = annotationEnd - ProtobufSize.bytes(annotation.byteCount)
        let timeEnd = valueEnd - ProtobufSize.double(1)
        let idEnd = timeEnd - ProtobufSize.number(UInt64(TimedTemplate.earliestNanos))
        return TimedTemplate(
            payload: ByteRange(offset: start, count: end - start), timeOffset: timeEnd - 9 - start,
            valueOffset: valueEnd - 8 - start, id: ByteRange(offset: idEnd - id.byteCount, count: id.byteCount),
            annotation: ByteRange(offset: annotationEnd - annotation.byteCount, count: annotation.byteCount),
            metadatas: ByteRange(offset: end - metadatas.byteCount, count: metadatas.byteCount))
    }

    /// Writes what ``appendTimed(type:id:timeNanos:value:annotation:metadatas:to:)`` writes, byte for byte, from a
    /// template: for most samples a copy with two numbers put in.
    /// - Parameters:
    ///   - source: the bytes that the template was written to.
    ///   - timeNanos: nanoseconds since 1970.
    public static func appendTimed(
        _ template: TimedTemplate, of source: UnsafeRawBufferPointer, type: MetricType, timeNanos: Int64, value: Double,
        to writer: inout ByteWriter
    ) {
        guard timeNanos >= TimedTemplate.earliestNanos, value != 0 else {
            return appendTimed(
                type: type, id: source.part(template.id).bytes, timeNanos: timeNanos, value: value,
                annotation: source.part(template.annotation).bytes,
                metadatas: source.part(template.metadatas).bytes, to: &writer)
        }
        let payload = source.part(template.payload)
        let start = writer.grow(by: payload.count)
        guard let first = payload.baseAddress else { return }
        start.copyMemory(from: first, byteCount: payload.count)
        start.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: template.valueOffset, as: UInt64.self)
        var sink = ProtobufSink(start + template.timeOffset)
        sink.varint(UInt64(bitPattern: timeNanos))
        sink.finish(start + template.timeOffset + 9)
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes of a range that lies within.
    package func part(_ range: ByteRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range.offset..<range.end])
    }
}
