/// Writes remote write requests (before compression), series by series.
public enum RemoteWriteWriter {
    /// Appends one series to a request.
    /// - Parameters:
    ///   - labels: names and values, in the order to send them: Prometheus sorts them by name.
    ///   - m3Type: M3's own field: 0 gauge (left out), 1 counter, 2 timer.
    ///   - prometheusType: M3's own field: 0 unknown (left out), 1 counter, 2 gauge and so on.
    public static func append(
        labels: some Sequence<(name: [UInt8], value: [UInt8])>, samples: some Sequence<PrometheusSample>,
        m3Type: Int32 = 0, prometheusType: Int32 = 0, to writer: inout ByteWriter
    ) {
        writer.appendMessage(tag: 0x0a) { writer in
            appendSeries(labels: labels, samples: samples, to: &writer)
            writer.appendNumber(tag: 101 << 3, UInt64(bitPattern: Int64(m3Type)))
            writer.appendNumber(tag: 1001 << 3, UInt64(bitPattern: Int64(prometheusType)))
        }
    }

    /// Appends one series whose labels are text.
    public static func append(
        labels: [(name: String, value: String)], samples: some Sequence<PrometheusSample>, m3Type: Int32 = 0,
        prometheusType: Int32 = 0, to writer: inout ByteWriter
    ) {
        let bytes = labels.lazy.map { (name: [UInt8]($0.name.utf8), value: [UInt8]($0.value.utf8)) }
        append(labels: bytes, samples: samples, m3Type: m3Type, prometheusType: prometheusType, to: &writer)
    }

    /// The contents of a TimeSeries.
    static func appendSeries(
        labels: some Sequence<(name: [UInt8], value: [UInt8])>, samples: some Sequence<PrometheusSample>,
        to writer: inout ByteWriter
    ) {
        for label in labels {
            writer.appendMessage(tag: 0x0a) { writer in
                writer.appendBytes(tag: 0x0a, label.name.span.bytes)
                writer.appendBytes(tag: 0x12, label.value.span.bytes)
            }
        }
        for sample in samples {
            let time = UInt64(bitPattern: sample.timestampMillis)
            let size = ProtobufSize.double(sample.value) + ProtobufSize.number(time)
            writer.appendExactly(ProtobufSize.message(size)) { sink in
                sink.header(tag: 0x12, count: size)
                sink.double(tag: 0x09, sample.value)
                sink.number(tag: 0x10, time)
            }
        }
    }
}
