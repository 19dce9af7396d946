import Metrics

/// Answers in the JSON of Prometheus' HTTP API. Source: `docs/http-api.md`.
public enum PrometheusJSON {
    /// `query` and `query_range`.
    public static func render(_ result: QueryResult) -> [UInt8] {
        var out: [UInt8] = []
        let isVector: Bool
        switch result {
        case .vector: isVector = true
        case .matrix: isVector = false
        case .scalar(let time, let value):
            out += #"{"status":"success","data":{"resultType":"scalar","result":"#.utf8
            append(time, value, to: &out)
            out += "}}".utf8
            return out
        }
        out += #"{"status":"success","data":{"resultType":""#.utf8
        out += (isVector ? "vector" : "matrix").utf8
        out += #"","result":["#.utf8
        for (index, series) in result.series.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            out += #"{"metric":"#.utf8
            append(series.labels, to: &out)
            if isVector, let time = series.timestamps.last, let value = series.values.last {
                out += #","value":"#.utf8
                append(time, value, to: &out)
            } else {
                out += #","values":["#.utf8
                for (index, (time, value)) in zip(series.timestamps, series.values).enumerated() {
                    if index > 0 { out.append(UInt8(ascii: ",")) }
                    append(time, value, to: &out)
                }
                out.append(UInt8(ascii: "]"))
            }
            out.append(UInt8(ascii: "}"))
        }
        out += "]}}".utf8
        return out
    }

    /// `labels` and label values.
    /// - Parameter limit: more are cut off, with a warning; 0 for no limit.
    public static func render(_ names: [String], limit: Int = 0) -> [UInt8] {
        list(names, limit) { JSONText.append($0, to: &$1) }
    }

    /// `series`.
    /// - Parameter limit: more are cut off, with a warning; 0 for no limit.
    public static func render(_ series: [Labels], limit: Int = 0) -> [UInt8] {
        list(series, limit) { append($0, to: &$1) }
    }

    public static func render(_ error: QueryError) -> [UInt8] {
        var out: [UInt8] = []
        out += #"{"status":"error","errorType":"#.utf8
        JSONText.append(error.kind.rawValue, to: &out)
        out += #","error":"#.utf8
        JSONText.append(error.message, to: &out)
        out.append(UInt8(ascii: "}"))
        return out
    }

    private static func list<Element>(
        _ elements: [Element], _ limit: Int, _ append: (Element, inout [UInt8]) -> Void
    ) -> [UInt8] {
        var out: [UInt8] = []
        out += #"{"status":"success","data":["#.utf8
        for (index, element) in elements.prefix(limit > 0 ? limit : .max).enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            append(element, &out)
        }
        out.append(UInt8(ascii: "]"))
        if limit > 0, elements.count > limit { out += #","warnings":["results truncated due to limit"]"#.utf8 }
        out.append(UInt8(ascii: "}"))
        return out
    }

    private static func append(_ labels: Labels, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "{"))
        var isFirst = true
        func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            if !isFirst { out.append(UInt8(ascii: ",")) }
            isFirst = false
            JSONText.append(name, to: &out)
            out.append(UInt8(ascii: ":"))
            JSONText.append(value, to: &out)
        }
        labels.forEach(append)
        out.append(UInt8(ascii: "}"))
    }

    private static func append(_ time: Int64, _ value: Double, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "["))
        NumberFormat.append(millisAsSeconds: time, to: &out)
        out += ",\"".utf8
        NumberFormat.append(value, to: &out)
        out += "\"]".utf8
    }
}
