/// Replaces `${NAME}`, `${NAME:default}` and `$NAME` by environment variables before the YAML is read, as M3 does.
///
/// `$$` is a dollar sign, `${NAME:""}` an empty default. A variable that is neither set nor has a default is an error,
/// unless it stands in a line that is a comment: M3 refuses those, too. Source: `docs/configuration.md`, Variables.
struct EnvironmentExpansion {
    /// What stands in place of a part of the source.
    struct Replacement: Equatable {
        /// Offsets in the expanded text.
        var start: Int
        var end: Int
        var sourceStart: Int
        var sourceEnd: Int
        /// Nil for `$$` and for defaults.
        var variable: String?
    }

    struct Failure: Equatable {
        var sourceOffset: Int
        var variable: String
    }

    /// The most bytes that a file has after expansion.
    static let maxBytes = 4 << 20

    private(set) var bytes: [UInt8] = []
    private(set) var replacements: [Replacement] = []
    private(set) var failures: [Failure] = []
    private(set) var isTooLong = false
    private let source: [UInt8]
    private let environment: [String: String]

    init(_ source: [UInt8], environment: [String: String]) {
        self.source = source
        self.environment = environment
        bytes.reserveCapacity(source.count)
        expand()
    }

    private mutating func expand() {
        let dollar = UInt8(ascii: "$")
        var at = 0
        while at < source.count {
            guard bytes.count <= Self.maxBytes else {
                isTooLong = true
                return
            }
            let byte = source[at]
            guard byte == dollar, at + 1 < source.count else {
                bytes.append(byte)
                at += 1
                continue
            }
            if source[at + 1] == dollar {
                replace(at, at + 2, by: [dollar], variable: nil)
                at += 2
            } else if let end = tokenEnd(after: at) {
                let isBraced = source[at + 1] == UInt8(ascii: "{")
                let token = isBraced ? source[(at + 2)..<(end - 1)] : source[(at + 1)..<end]
                resolve(String(decoding: token, as: UTF8.self), at, end)
                at = end
            } else {
                bytes.append(byte)
                at += 1
            }
        }
    }

    /// The end of the expression whose dollar sign stands at an offset; nil when it is none.
    private func tokenEnd(after dollar: Int) -> Int? {
        if source[dollar + 1] == UInt8(ascii: "{") {
            return source[(dollar + 2)...].firstIndex(of: UInt8(ascii: "}")).map { $0 + 1 }
        }
        guard Self.startsName(source[dollar + 1]) else { return nil }
        return source[(dollar + 2)...].firstIndex { !Self.startsName($0) && !Self.isDigit($0) } ?? source.count
    }

    private mutating func resolve(_ token: String, _ start: Int, _ end: Int) {
        let colon = token.firstIndex(of: ":")
        let name = String(token[..<(colon ?? token.endIndex)])
        let standard = colon.map { token[token.index(after: $0)...] } ?? ""
        if let value = environment[name] {
            replace(start, end, by: Array(value.utf8), variable: name)
        } else if standard == "\"\"" {
            replace(start, end, by: [], variable: nil)
        } else if !standard.isEmpty {
            replace(start, end, by: Array(standard.utf8), variable: nil)
        } else {
            if !isInComment(start) { failures.append(Failure(sourceOffset: start, variable: name)) }
            replace(start, end, by: Array(source[start..<end]), variable: nil)
        }
    }

    private func isInComment(_ offset: Int) -> Bool {
        let start = source[..<offset].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let first = source[start..<offset].first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        return first == UInt8(ascii: "#")
    }

    private mutating func replace(_ start: Int, _ end: Int, by text: [UInt8], variable: String?) {
        replacements.append(
            Replacement(
                start: bytes.count, end: bytes.count + text.count, sourceStart: start, sourceEnd: end,
                variable: variable))
        bytes += text
    }

    private static func startsName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// The place in the source of an offset in the expanded text.
    func sourceOffset(_ offset: Int) -> Int {
        // The last one that starts there or before.
        var low = 0
        var high = replacements.count
        while low < high {
            let middle = (low + high) / 2
            if replacements[middle].start <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return min(offset, source.count) }
        let last = replacements[low - 1]
        return offset < last.end ? last.sourceStart : min(last.sourceEnd + offset - last.end, source.count)
    }

    /// The first variable whose value takes part in a range of the expanded text.
    func variable(in range: Range<Int>) -> String? {
        replacements.first { $0.variable != nil && $0.start < range.upperBound && $0.end > range.lowerBound }?.variable
    }
}
