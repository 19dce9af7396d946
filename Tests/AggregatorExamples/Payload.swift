public import Metrics
import WireFormat

/// Payloads of the ingest topic, made with the module's own writers.
public enum Payload {
    public static func counter(
        _ id: String, _ value: Int64, _ metadata: [StagedMetadata], note: String = "", clientTime: Int64 = 0
    ) -> [UInt8] {
        write { id, note, writer in
            let metadata = MetadataCodec.encode(metadata)
            MetricWriter.appendCounter(
                id: id.span.bytes, value: value, annotation: note.span.bytes, clientTimeNanos: clientTime,
                metadatas: metadata.span.bytes, to: &writer)
        }(id, note)
    }

    public static func gauge(
        _ id: String, _ value: Double, _ metadata: [StagedMetadata], note: String = "", clientTime: Int64 = 0
    ) -> [UInt8] {
        write { id, note, writer in
            let metadata = MetadataCodec.encode(metadata)
            MetricWriter.appendGauge(
                id: id.span.bytes, value: value, annotation: note.span.bytes, clientTimeNanos: clientTime,
                metadatas: metadata.span.bytes, to: &writer)
        }(id, note)
    }

    public static func timer(
        _ id: String, _ values: [Double], _ metadata: [StagedMetadata], note: String = "", clientTime: Int64 = 0
    ) -> [UInt8] {
        write { id, note, writer in
            let metadata = MetadataCodec.encode(metadata)
            MetricWriter.appendBatchTimer(
                id: id.span.bytes, values: values.span, annotation: note.span.bytes, clientTimeNanos: clientTime,
                metadatas: metadata.span.bytes, to: &writer)
        }(id, note)
    }

    public static func timed(
        _ type: MetricType, _ id: String, _ value: Double, at time: Int64, _ metadata: [StagedMetadata],
        note: String = ""
    ) -> [UInt8] {
        write { id, note, writer in
            let metadata = MetadataCodec.encode(metadata)
            MetricWriter.appendTimed(
                type: type, id: id.span.bytes, timeNanos: time, value: value, annotation: note.span.bytes,
                metadatas: metadata.span.bytes, to: &writer)
        }(id, note)
    }

    /// Without staged metadatas: one policy and aggregation id.
    public static func plainTimed(
        _ type: MetricType, _ id: String, _ value: Double, at time: Int64, _ metadata: TimedMetadata
    ) -> [UInt8] {
        write { id, _, writer in
            let metadata = MetadataCodec.encode(metadata)
            MetricWriter.appendTimed(
                type: type, id: id.span.bytes, timeNanos: time, value: value, metadata: metadata.span.bytes,
                to: &writer)
        }(id, "")
    }

    public static func forwarded(
        _ type: MetricType, _ id: String, _ values: [Double], at time: Int64, _ metadata: ForwardMetadata,
        previous: [Double] = [], version: UInt32 = 0, note: String = ""
    ) -> [UInt8] {
        write { id, note, writer in
            let metadata = MetadataCodec.encode(metadata)
            MetricWriter.appendForwarded(
                type: type, id: id.span.bytes, timeNanos: time, values: values.span, annotation: note.span.bytes,
                prevValues: previous.span, version: version, metadata: metadata.span.bytes, to: &writer)
        }(id, note)
    }

    private static func write(
        _ body: @escaping ([UInt8], [UInt8], inout ByteWriter) -> Void
    ) -> (String, String) -> [UInt8] {
        { id, note in
            var writer = ByteWriter(capacity: 256)
            body(Array(id.utf8), Array(note.utf8), &writer)
            return writer.array()
        }
    }
}
