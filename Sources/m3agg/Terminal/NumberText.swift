import Glibc

/// Numbers as a person reads them in a table.
enum NumberText {
    /// Four significant digits, with k, M or G above 10,000.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        for (limit, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where value.magnitude >= max(limit, 1e4) {
            return fixed(value / limit, digits: 2) + unit
        }
        if value == value.rounded() { return fixed(value, digits: 0) }
        return fixed(value, digits: value.magnitude >= 100 ? 1 : value.magnitude >= 1 ? 2 : 4)
    }

    /// - Parameter digits: digits behind the point, 0 to 9.
    static func fixed(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value * scale).rounded()
        guard scaled.magnitude < 9e15 else { return "\(value)" }
        let whole = Int64(scaled)
        guard digits > 0 else { return "\(whole)" }
        let unit = Int64(scale)
        let fraction = String((whole % unit).magnitude)
        let padding = String(repeating: "0", count: digits - fraction.count)
        return (whole < 0 ? "-" : "") + "\(whole.magnitude / unit.magnitude).\(padding)\(fraction)"
    }

    /// The time of day in UTC of a time in milliseconds since 1970.
    static func timeOfDay(milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let two: (Int32) -> String = { $0 < 10 ? "0\($0)" : "\($0)" }
        return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
