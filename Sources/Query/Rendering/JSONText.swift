/// Writes JSON straight into bytes.
enum JSONText {
    /// A quoted text. Bytes that are no UTF-8 become U+FFFD, control characters are escaped.
    static func append(_ text: UnsafeRawBufferPointer, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        if text.allSatisfy({ $0 < 0x80 }) {
            for byte in text { append(byte, to: &out) }
        } else {
            for byte in String(decoding: text, as: UTF8.self).utf8 { append(byte, to: &out) }
        }
        out.append(UInt8(ascii: "\""))
    }

    static func append(_ text: String, to out: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0), to: &out) }
    }

    private static func append(_ byte: UInt8, to out: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): out += #"\""#.utf8
        case UInt8(ascii: "\\"): out += #"\\"#.utf8
        case UInt8(ascii: "\n"): out += #"\n"#.utf8
        case UInt8(ascii: "\r"): out += #"\r"#.utf8
        case UInt8(ascii: "\t"): out += #"\t"#.utf8
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            out += #"\u00"#.utf8
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        default: out.append(byte)
        }
    }
}
