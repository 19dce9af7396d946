/// A JSON value; numbers keep their text, and objects the order of their fields.
enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Field])

    struct Field: Sendable, Equatable {
        var name: String
        var value: JSONValue
    }

    /// As Go's decoder names the kind in its errors.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .number(let text): "number \(text)"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

/// Reads JSON and words its errors as Go's `encoding/json` does, which M3's clients know. Source: `docs/cluster.md`.
struct JSONParser {
    /// Deeper nesting is refused: no request needs more than six levels.
    static let maxDepth = 64

    private let bytes: [UInt8]
    private var next = 0
    private let endText: String

    private init(_ bytes: [UInt8], endText: String) {
        self.bytes = bytes
        self.endText = endText
    }

    /// The first value in the bytes; what follows it is ignored, as M3 does. Throws `EOF` when there is none.
    static func firstValue(in bytes: [UInt8]) throws(AdminError) -> JSONValue {
        var parser = JSONParser(bytes, endText: "unexpected EOF")
        parser.skipSpace()
        guard parser.next < bytes.count else { throw .invalid("EOF") }
        return try parser.value(depth: 0)
    }

    /// The only value of a text, such as of a quoted number.
    static func onlyValue(in text: String) throws(AdminError) -> JSONValue {
        var parser = JSONParser(Array(text.utf8), endText: "unexpected end of JSON input")
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.next == parser.bytes.count else { throw parser.unexpected("after top-level value") }
        return value
    }

    private mutating func skipSpace() {
        while next < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[next]) { next += 1 }
    }

    private func unexpected(_ context: String) -> AdminError {
        guard next < bytes.count else { return .invalid(endText) }
        let byte = bytes[next]
        let character: String
        switch byte {
        case UInt8(ascii: "'"): character = #"'\''"#
        case UInt8(ascii: "\""): character = "'\"'"
        case UInt8(ascii: "\n"): character = #"'\n'"#
        case UInt8(ascii: "\r"): character = #"'\r'"#
        case UInt8(ascii: "\t"): character = #"'\t'"#
        case 0x20..<0x7f: character = "'\(Unicode.Scalar(byte))'"
        default:
            let hex = String(byte, radix: 16)
            character = "'\\x\(hex.utf8.count == 1 ? "0" : "")\(hex)'"
        }
        return .invalid("invalid character \(character) \(context)")
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next < bytes.count, bytes[next] == UInt8(ascii: character) else { return false }
        next += 1
        return true
    }

    private mutating func value(depth: Int) throws(AdminError) -> JSONValue {
        guard depth < Self.maxDepth else { throw .invalid("exceeded max depth of \(Self.maxDepth)") }
        skipSpace()
        guard next < bytes.count else { throw .invalid(endText) }
        switch bytes[next] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw unexpected("looking for beginning of value")
        }
    }

    private mutating func object(depth: Int) throws(AdminError) -> JSONValue {
        next += 1
        var fields: [JSONValue.Field] = []
        if take("}") { return .object(fields) }
        repeat {
            skipSpace()
            guard next < bytes.count, bytes[next] == UInt8(ascii: "\"") else {
                throw unexpected("looking for beginning of object key string")
            }
            let name = try string()
            guard take(":") else { throw unexpected("after object key") }
            fields.append(JSONValue.Field(name: name, value: try value(depth: depth + 1)))
        } while take(",")
        guard take("}") else { throw unexpected("after object key:value pair") }
        return .object(fields)
    }

    private mutating func array(depth: Int) throws(AdminError) -> JSONValue {
        next += 1
        var items: [JSONValue] = []
        if take("]") { return .array(items) }
        repeat { items.append(try value(depth: depth + 1)) } while take(",")
        guard take("]") else { throw unexpected("after array element") }
        return .array(items)
    }

    private mutating func literal(_ text: String, _ value: JSONValue) throws(AdminError) -> JSONValue {
        for scalar in text.unicodeScalars {
            guard next < bytes.count, bytes[next] == UInt8(ascii: scalar) else {
                throw unexpected("in literal \(text) (expecting '\(scalar)')")
            }
            next += 1
        }
        return value
    }

    private mutating func number() throws(AdminError) -> String {
        let start = next
        if bytes[next] == UInt8(ascii: "-") { next += 1 }
        if next < bytes.count, bytes[next] == UInt8(ascii: "0") {
            next += 1
        } else {
            try digits("in numeric literal")
        }
        if next < bytes.count, bytes[next] == UInt8(ascii: ".") {
            next += 1
            try digits("after decimal point in numeric literal")
        }
        if next < bytes.count, bytes[next] | 0x20 == UInt8(ascii: "e") {
            next += 1
            if next < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[next]) { next += 1 }
            try digits("in exponent of numeric literal")
        }
        return String(decoding: bytes[start..<next], as: UTF8.self)
    }

    private mutating func digits(_ context: String) throws(AdminError) {
        let start = next
        while next < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[next]) { next += 1 }
        guard next > start else { throw unexpected(context) }
    }

    private mutating func string() throws(AdminError) -> String {
        next += 1
        var out: [UInt8] = []
        while next < bytes.count {
            let byte = bytes[next]
            switch byte {
            case UInt8(ascii: "\""):
                next += 1
                return String(decoding: out, as: UTF8.self)
            case 0..<0x20: throw unexpected("in string literal")
            case UInt8(ascii: "\\"):
                next += 1
                try escape(into: &out)
            default:
                out.append(byte)
                next += 1
            }
        }
        throw .invalid(endText)
    }

    private mutating func escape(into out: inout [UInt8]) throws(AdminError) {
        guard next < bytes.count else { throw .invalid(endText) }
        let plain: UInt8
        switch bytes[next] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = bytes[next]
        case UInt8(ascii: "b"): plain = 0x08
        case UInt8(ascii: "f"): plain = 0x0c
        case UInt8(ascii: "n"): plain = 0x0a
        case UInt8(ascii: "r"): plain = 0x0d
        case UInt8(ascii: "t"): plain = 0x09
        case UInt8(ascii: "u"):
            next += 1
            var unit = try codeUnit()
            if (0xd800..<0xdc00).contains(unit), next + 1 < bytes.count, bytes[next] == UInt8(ascii: "\\"),
                bytes[next + 1] == UInt8(ascii: "u")
            {
                let back = next
                next += 2
                let low = try codeUnit()
                if (0xdc00..<0xe000).contains(low) {
                    unit = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
                } else {
                    next = back
                }
            }
            out += Array(String(Character(Unicode.Scalar(unit) ?? "\u{fffd}")).utf8)
            return
        default: throw unexpected("in string escape code")
        }
        out.append(plain)
        next += 1
    }

    private mutating func codeUnit() throws(AdminError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard next < bytes.count, let digit = Character(Unicode.Scalar(bytes[next])).hexDigitValue else {
                throw unexpected("in \\u hexadecimal character escape")
            }
            unit = unit << 4 | UInt32(digit)
            next += 1
        }
        return unit
    }
}
