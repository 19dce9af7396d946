/// The text forms of times and durations in requests. All results are milliseconds.
public enum QueryParameters {
    /// A time: seconds since 1970 with decimals, or RFC 3339 such as `2026-01-02T03:04:05.678Z`.
    /// - Throws: ``QueryError`` of kind `badData` that names the parameter.
    public static func time(_ text: String, parameter: String) throws(QueryError) -> Int64 {
        let limit = Double(TimeRange.all.endMillis)
        if let seconds = decimal(text), (seconds * 1000).magnitude < limit {
            return Int64((seconds * 1000).rounded())
        }
        if let millis = RFC3339.millis(text) { return millis }
        throw .parameter(
            parameter, "cannot parse '\(text.prefix(100))' to a valid timestamp: seconds since 1970 or RFC 3339")
    }

    /// A duration: seconds with decimals, or as PromQL writes it (`1h30m`).
    /// - Throws: ``QueryError`` of kind `badData` that names the parameter.
    public static func duration(_ text: String, parameter: String) throws(QueryError) -> Int64 {
        if let seconds = decimal(text) {
            guard (seconds * 1000).magnitude < Double(TimeRange.all.endMillis) else {
                throw .parameter(
                    parameter, "cannot parse '\(text.prefix(100))' to a valid duration: it is out of range")
            }
            return Int64((seconds * 1000).rounded())
        }
        if let millis = PromQLDuration.millis(text), millis < TimeRange.all.endMillis { return millis }
        throw .parameter(
            parameter, "cannot parse '\(text.prefix(100))' to a valid duration: seconds, or such as 5m or 1h30m")
    }

    /// `start` and `end` of the endpoints that need none.
    public static func range(start: String?, end: String?) throws(QueryError) -> TimeRange {
        var range = TimeRange.all
        if let start { range.startMillis = try time(start, parameter: "start") }
        if let end { range.endMillis = try time(end, parameter: "end") }
        guard range.startMillis <= range.endMillis else {
            throw .parameter("end", "end timestamp must not be before start time")
        }
        return range
    }

    /// Only digits, sign, point and exponent: the words and hexadecimal numbers that Swift reads are no times.
    private static func decimal(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ PromQLLexer.isDigit($0) || "+-.eE".utf8.contains($0) }) else { return nil }
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }
}
