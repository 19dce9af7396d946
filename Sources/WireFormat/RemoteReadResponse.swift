/// Remote read answers of the SAMPLES type (before compression): one result per query, in the queries' order.
/// Source: `docs/wire-formats.md`.
public enum RemoteReadResponse {
    /// Appends the result of the next query.
    /// - Parameter limit: the largest answer, in bytes, what `writer` holds already included.
    /// - Throws: ``WireError/limitExceeded(field:value:limit:)``; what was appended to `writer` is then incomplete.
    public static func append(
        _ result: some Sequence<RemoteReadSeries>, limit: Int = WireLimits.maxRemoteReadResponseBytes,
        to writer: inout ByteWriter
    ) throws(WireError) {
        try writer.appendMessage(tag: 0x0a) { (writer) throws(WireError) in
            for series in result {
                writer.appendMessage(tag: 0x0a) {
                    RemoteWriteWriter.appendSeries(labels: series.labels, samples: series.samples, to: &$0)
                }
                try MetricReader.check(writer.count, limit, "remote read response bytes")
            }
        }
    }

    /// Reads an answer: for each query its series.
    /// - Throws: a ``WireError``: malformed, or a series over a limit.
    public static func read(_ bytes: RawSpan, in range: ByteRange) throws(WireError) -> [[RemoteReadSeries]] {
        try MetricReader.check(range.count, WireLimits.maxRemoteReadResponseBytes, "remote read response bytes")
        var results: [[RemoteReadSeries]] = []
        var response = try WireCursor("ReadResponse", bytes, range)
        while !response.isAtEnd {
            let tag = try response.tag(bytes)
            guard tag == 0x0a else {
                try response.skip(tag, lastKnown: 1, bytes)
                continue
            }
            try MetricReader.check(results.count + 1, WireLimits.maxQueries, "number of results")
            // A QueryResult has the layout of a WriteRequest: series in field 1.
            var reader = try RemoteWriteReader(bytes, in: try response.lengthDelimited(bytes), maxSamples: .max)
            var result: [RemoteReadSeries] = []
            while let series = try reader.next(bytes) {
                if let violation = series.violation { throw violation }
                let labels = reader.labels.map {
                    (name: $0.name.array(from: bytes), value: $0.value.array(from: bytes))
                }
                result.append(RemoteReadSeries(labels: labels, samples: reader.samples))
            }
            results.append(result)
        }
        return results
    }
}
