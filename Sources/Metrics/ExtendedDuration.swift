/// Durations as M3 writes them in policies: `10s`, `1h30m`, `2d`, with units beyond hours and without decimals.
///
/// Units read: ns, us, ms, s, m, min, h, d (24 h), w (7 d), mon (30 d), y (365 d). Units written: y, d, h, m, s, ms,
/// us, ns. All values are nanoseconds. Source: `docs/storage-policies.md`.
public enum ExtendedDuration {
    struct Unit {
        let name: String
        let nanos: Int64
    }

    /// The units of canonical text, from the largest: also the only legal precisions of a storage policy.
    static let canonicalUnits = [
        Unit(name: "y", nanos: 365 * 86_400_000_000_000),
        Unit(name: "d", nanos: 86_400_000_000_000),
        Unit(name: "h", nanos: 3_600_000_000_000),
        Unit(name: "m", nanos: 60_000_000_000),
        Unit(name: "s", nanos: 1_000_000_000),
        Unit(name: "ms", nanos: 1_000_000),
        Unit(name: "us", nanos: 1_000),
        Unit(name: "ns", nanos: 1),
    ]

    private static let readableUnits =
        canonicalUnits + [
            Unit(name: "min", nanos: 60_000_000_000),
            Unit(name: "w", nanos: 7 * 86_400_000_000_000),
            Unit(name: "mon", nanos: 30 * 86_400_000_000_000),
        ]

    /// Reads `["-"] (digits unit)+`.
    /// - Returns: nanoseconds.
    /// - Throws: ``MetricsError/invalidDuration(_:reason:)``, also when the sum does not fit 64 bits (M3 wraps around
    ///   there and goes on with a number nobody asked for).
    public static func parse(_ text: some StringProtocol) throws(MetricsError) -> Int64 {
        func invalid(_ reason: String) -> MetricsError {
            .invalidDuration(String(text), reason: reason)
        }
        var rest = Array(text.utf8)[...]
        if rest.isEmpty { throw invalid("it is empty") }
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        var total: Int64 = 0
        repeat {
            let digits = rest.prefix(while: isDigit)
            if digits.isEmpty { throw invalid("a number must stand before each unit") }
            rest = rest.dropFirst(digits.count)
            let name = String(decoding: rest.prefix(while: { !isDigit($0) }), as: UTF8.self)
            rest = rest.drop(while: { !isDigit($0) })
            if name.isEmpty { throw invalid("a number has no unit") }
            guard let unit = readableUnits.first(where: { $0.name == name }) else {
                throw invalid("unit '\(name)' is none of ns, us, ms, s, m, min, h, d, w, mon, y")
            }
            guard let number = Int64(String(decoding: digits, as: UTF8.self)) else {
                throw invalid("it exceeds 292 years")
            }
            let part = number.multipliedReportingOverflow(by: unit.nanos)
            let sum = total.addingReportingOverflow(part.partialValue)
            if part.overflow || sum.overflow { throw invalid("it exceeds 292 years") }
            total = sum.partialValue
        } while !rest.isEmpty
        return isNegative ? -total : total
    }

    /// Canonical text: greedily in y, d, h, m, s, ms, us, ns; `0s` for zero.
    public static func format(_ nanos: Int64) -> String {
        if nanos == 0 { return "0s" }
        var text = nanos < 0 ? "-" : ""
        var rest = nanos.magnitude
        for unit in canonicalUnits {
            let (number, remainder) = rest.quotientAndRemainder(dividingBy: unit.nanos.magnitude)
            if number > 0 { text += "\(number)\(unit.name)" }
            rest = remainder
        }
        return text
    }

    /// The largest canonical unit that divides a duration exactly, in nanoseconds; 1 for zero.
    static func largestUnit(dividing nanos: Int64) -> Int64 {
        if nanos == 0 { return 1 }
        return canonicalUnits.first { nanos % $0.nanos == 0 }?.nanos ?? 1
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }
}
