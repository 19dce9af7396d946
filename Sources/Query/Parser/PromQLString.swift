/// Reads a quoted text of PromQL: `"…"` and `'…'` with escapes, backquotes without.
struct PromQLString {
    let query: [UInt8]
    /// In: at the opening quote. Out: behind the closing one.
    var position: Int

    mutating func read() throws(QueryError) -> String {
        let start = position
        let quote = query[position]
        position += 1
        var bytes: [UInt8] = []
        while position < query.count {
            let byte = query[position]
            position += 1
            if byte == quote {
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw .syntax("the string is not valid UTF-8", at: start, of: query)
                }
                return text
            }
            if quote == UInt8(ascii: "`") {
                bytes.append(byte)
                continue
            }
            switch byte {
            case UInt8(ascii: "\n"): throw .syntax("unterminated quoted string", at: start, of: query)
            case UInt8(ascii: "\\"): try escape(quote: quote, into: &bytes)
            default: bytes.append(byte)
            }
        }
        throw .syntax("unterminated quoted string", at: start, of: query)
    }

    private mutating func escape(quote: UInt8, into bytes: inout [UInt8]) throws(QueryError) {
        let start = position - 1
        guard position < query.count else { throw .syntax("unterminated quoted string", at: start, of: query) }
        let byte = query[position]
        position += 1
        switch byte {
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0c)
        case UInt8(ascii: "n"): bytes.append(0x0a)
        case UInt8(ascii: "r"): bytes.append(0x0d)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "v"): bytes.append(0x0b)
        case UInt8(ascii: "\\"), quote: bytes.append(byte)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            let value = try digits(3, radix: 8, from: start)
            guard let byte = UInt8(exactly: value) else {
                throw .syntax("an octal escape exceeds \\377", at: start, of: query)
            }
            bytes.append(byte)
        case UInt8(ascii: "x"): bytes.append(UInt8(truncatingIfNeeded: try digits(2, radix: 16, from: start)))
        case UInt8(ascii: "u"): try append(digits(4, radix: 16, from: start), from: start, to: &bytes)
        case UInt8(ascii: "U"): try append(digits(8, radix: 16, from: start), from: start, to: &bytes)
        default: throw .syntax("unknown escape sequence '\\\(UnicodeScalar(byte))'", at: start, of: query)
        }
    }

    private mutating func digits(_ count: Int, radix: Int, from start: Int) throws(QueryError) -> UInt32 {
        let text = query[position...].prefix(count)
        guard text.count == count, let first = text.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
            let value = UInt32(String(decoding: text, as: UTF8.self), radix: radix)
        else { throw .syntax("an escape sequence needs \(count) digits of base \(radix)", at: start, of: query) }
        position += count
        return value
    }

    private func append(_ value: UInt32, from start: Int, to bytes: inout [UInt8]) throws(QueryError) {
        guard let scalar = UnicodeScalar(value) else {
            throw .syntax("an escape sequence is no Unicode character", at: start, of: query)
        }
        bytes += Array(String(scalar).utf8)
    }
}
