/// Writes compact JSON as M3 does: every field, in its order, with the characters escaped that Go escapes.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var isFirst = true

    mutating func object(_ body: (inout JSONWriter) -> Void) { enclosed("{", "}", body) }

    mutating func array<T>(_ items: some Sequence<T>, _ body: (inout JSONWriter, T) -> Void) {
        enclosed("[", "]") { writer in
            for item in items {
                writer.separate()
                body(&writer, item)
            }
        }
    }

    /// A field's name; its value has to follow.
    mutating func key(_ name: String) {
        separate()
        string(name)
        bytes.append(UInt8(ascii: ":"))
    }

    mutating func field(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    mutating func field(_ name: String, _ value: Bool) {
        key(name)
        raw(value ? "true" : "false")
    }

    /// 64-bit integers are written as strings, shorter ones as numbers.
    mutating func field<I: FixedWidthInteger>(_ name: String, _ value: I) {
        key(name)
        raw(I.bitWidth > 32 ? "\"\(value)\"" : "\(value)")
    }

    mutating func raw(_ text: String) { bytes += Array(text.utf8) }

    mutating func null() { raw("null") }

    mutating func string(_ text: String) {
        raw("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": raw("\\\"")
            case "\\": raw("\\\\")
            case "\n": raw("\\n")
            case "\r": raw("\\r")
            case "\t": raw("\\t")
            case "<", ">", "&", "\u{2028}", "\u{2029}": escape(scalar)
            case _ where scalar.value < 0x20: escape(scalar)
            default: bytes += Array(String(scalar).utf8)
            }
        }
        raw("\"")
    }

    private mutating func escape(_ scalar: Unicode.Scalar) {
        let hex = String(scalar.value, radix: 16)
        raw("\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex)
    }

    private mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    private mutating func enclosed(_ open: String, _ close: String, _ body: (inout JSONWriter) -> Void) {
        raw(open)
        isFirst = true
        body(&self)
        raw(close)
        isFirst = false
    }
}
