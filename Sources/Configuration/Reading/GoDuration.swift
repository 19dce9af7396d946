/// Durations as M3's files hold them: `1m30s`, `1.5h`, `100ms`, `0`, with days and weeks besides.
///
/// Source: `docs/configuration.md`, Values.
enum GoDuration {
    private static let units: [(name: String, nanos: Int64)] = [
        ("w", 604_800_000_000_000), ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
        ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
    ]

    /// - Returns: nanoseconds; nil when the text is no duration or does not fit.
    static func parse(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        if rest.elementsEqual([UInt8(ascii: "0")]) { return 0 }
        guard !rest.isEmpty, rest.count < 64 else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            let whole = rest.prefix(while: isDigit)
            rest = rest.dropFirst(whole.count)
            var fraction: ArraySlice<UInt8> = []
            if rest.first == UInt8(ascii: ".") {
                fraction = rest.dropFirst().prefix(while: isDigit)
                rest = rest.dropFirst(1 + fraction.count)
            }
            guard !(whole.isEmpty && fraction.isEmpty) else { return nil }
            let name = rest.prefix { !isDigit($0) && $0 != UInt8(ascii: ".") }
            rest = rest.dropFirst(name.count)
            guard let unit = unit(String(decoding: name, as: UTF8.self)),
                let number = whole.isEmpty ? 0 : Int64(String(decoding: whole, as: UTF8.self))
            else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: unit)
            let (sum, more) = total.addingReportingOverflow(product)
            let part = (Double("0." + String(decoding: fraction, as: UTF8.self) + "0") ?? 0) * Double(unit)
            let (all, most) = sum.addingReportingOverflow(Int64(part.rounded(.down)))
            if overflow || more || most { return nil }
            total = all
        }
        return isNegative ? -total : total
    }

    private static func unit(_ name: String) -> Int64? {
        if name == "µs" || name == "μs" { return 1_000 }
        return units.first { $0.name == name }?.nanos
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Text that Go reads, too: `1h30m`, `1s500ms`.
    static func format(_ nanos: Int64) -> String {
        if nanos == 0 { return "0s" }
        var text = nanos < 0 ? "-" : ""
        var rest = nanos.magnitude
        for unit in units.dropFirst(2) {
            let (count, remainder) = rest.quotientAndRemainder(dividingBy: unit.nanos.magnitude)
            if count > 0 { text += "\(count)\(unit.name)" }
            rest = remainder
        }
        return text
    }
}
