/// Durations of PromQL: `5m`, `1h30m`; units ms, s, m, h, d, w, y (365 d), each at most once and from large to small.
public enum PromQLDuration {
    private static let units: [(name: String, millis: Int64)] = [
        ("y", 365 * 86_400_000), ("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000),
        ("s", 1000), ("ms", 1),
    ]

    /// Milliseconds, nil when the text is no duration or longer than 292 million years.
    public static func millis(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        var nextUnit = 0
        while !rest.isEmpty {
            let digits = rest.prefix(while: PromQLLexer.isDigit)
            guard let number = Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
            rest = rest.dropFirst(digits.count)
            let name = String(decoding: rest.prefix { !PromQLLexer.isDigit($0) }, as: UTF8.self)
            rest = rest.dropFirst(name.utf8.count)
            guard let index = units.firstIndex(where: { $0.name == name }), index >= nextUnit else { return nil }
            nextUnit = index + 1
            let part = number.multipliedReportingOverflow(by: units[index].millis)
            let sum = total.addingReportingOverflow(part.partialValue)
            guard !part.overflow, !sum.overflow else { return nil }
            total = sum.partialValue
        }
        return total
    }
}
