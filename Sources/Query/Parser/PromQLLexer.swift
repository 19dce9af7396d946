/// Cuts PromQL into tokens.
struct PromQLLexer {
    private let query: [UInt8]
    private var position = 0
    /// Between brackets a colon divides range and step, elsewhere it is a letter.
    private var isInBrackets = false

    private init(query: [UInt8]) { self.query = query }

    /// All tokens of a query, the last of kind `end`.
    static func tokens(of query: [UInt8]) throws(QueryError) -> [PromQLToken] {
        var lexer = PromQLLexer(query: query)
        var tokens: [PromQLToken] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < query.count ? query[position + ahead] : nil
    }

    private mutating func next() throws(QueryError) -> PromQLToken {
        skipSpace()
        let start = position
        guard let byte = peek() else { return PromQLToken(kind: .end, offset: start) }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            var reader = PromQLString(query: query, position: position)
            let text = try reader.read()
            position = reader.position
            return PromQLToken(kind: .string(text), offset: start)
        case _ where Self.isDigit(byte), UInt8(ascii: ".") where peek(1).map(Self.isDigit) ?? false:
            return PromQLToken(kind: try numberOrDuration(), offset: start)
        case _ where Self.isNameStart(byte) && !(isInBrackets && byte == UInt8(ascii: ":")):
            while let byte = peek(), Self.isNameStart(byte) || Self.isDigit(byte) { position += 1 }
            let name = String(decoding: query[start..<position], as: UTF8.self)
            switch name.lowercased() {
            case "inf": return PromQLToken(kind: .number(.infinity), offset: start)
            case "nan": return PromQLToken(kind: .number(.nan), offset: start)
            default: return PromQLToken(kind: .identifier(name), offset: start)
            }
        default:
            return PromQLToken(kind: .symbol(try symbol()), offset: start)
        }
    }

    private mutating func skipSpace() {
        while let byte = peek() {
            if byte == UInt8(ascii: "#") {
                while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
            } else if byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) {
                position += 1
            } else {
                return
            }
        }
    }

    private mutating func symbol() throws(QueryError) -> String {
        for symbol in ["=~", "!~", "!=", "==", "<=", ">="] {
            if peek() == symbol.utf8.first, peek(1) == symbol.utf8.last {
                position += 2
                return symbol
            }
        }
        if let byte = peek(), "(){}[],=<>+-*/%^@:".utf8.contains(byte) {
            position += 1
            if byte == UInt8(ascii: "[") { isInBrackets = true }
            if byte == UInt8(ascii: "]") { isInBrackets = false }
            return String(UnicodeScalar(byte))
        }
        // A whole character, so that the message stays readable.
        let rest = String(decoding: query[position...].prefix(4), as: UTF8.self)
        throw .syntax("unexpected character: '\(rest.prefix(1))'", at: position, of: query)
    }

    private mutating func numberOrDuration() throws(QueryError) -> PromQLToken.Kind {
        let start = position
        let word = query[start...].prefix {
            Self.isNameStart($0) && $0 != UInt8(ascii: ":") || Self.isNumeric($0)
        }
        var count = word.count
        // The sign of an exponent belongs to the number: 1e-3, but not 0xe-3.
        let isHexadecimal = word.count > 1 && (word[start + 1] | 0x20) == UInt8(ascii: "x")
        let exponent = UInt8(ascii: "e")
        if !isHexadecimal, let last = word.last, last | 0x20 == exponent, word.dropLast().allSatisfy(Self.isNumeric),
            let sign = peek(count), sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+")
        {
            count += 1 + query[(start + count + 1)...].prefix(while: Self.isDigit).count
        }
        let text = String(decoding: query[start..<start + count], as: UTF8.self)
        position += count
        if let millis = PromQLDuration.millis(text) { return .duration(millis) }
        if let value = Self.number(text) { return .number(value) }
        throw .syntax("bad number or duration syntax: \"\(text)\"", at: start, of: query)
    }

    private static func number(_ text: String) -> Double? {
        if text.hasPrefix("0x") || text.hasPrefix("0X") {
            return Int64(text.dropFirst(2), radix: 16).map(Double.init)
        }
        // Swift's reader takes hexadecimal floats and words too, which PromQL does not have.
        guard text.utf8.allSatisfy({ isNumeric($0) || $0 | 0x20 == UInt8(ascii: "e") || "+-".utf8.contains($0) }) else {
            return nil
        }
        return Double(text.hasSuffix(".") ? text + "0" : text.hasPrefix(".") ? "0" + text : text)
    }

    private static func isNumeric(_ byte: UInt8) -> Bool { isDigit(byte) || byte == UInt8(ascii: ".") }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    static func isNameStart(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: ":")
    }
}
