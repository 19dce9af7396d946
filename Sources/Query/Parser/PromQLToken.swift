/// A word of PromQL and where it starts.
struct PromQLToken: Equatable {
    enum Kind: Equatable {
        /// A name, a keyword or a metric name with colons: which one, the parser knows.
        case identifier(String)
        case number(Double)
        /// In milliseconds.
        case duration(Int64)
        /// The text within the quotes, escapes resolved.
        case string(String)
        /// An operator or a bracket as written.
        case symbol(String)
        case end
    }

    var kind: Kind
    /// Offset in bytes.
    var offset: Int

    /// How error messages name it.
    var description: String {
        switch kind {
        case .identifier(let name): "\"\(name)\""
        case .number(let value): "number \(value)"
        case .duration(let millis): "duration of \(millis) ms"
        case .string(let text): "string \"\(text)\""
        case .symbol(let text): "\"\(text)\""
        case .end: "end of input"
        }
    }
}

extension QueryError {
    /// A syntax error with line and column (in bytes, both from 1), as Prometheus writes it.
    static func syntax(_ message: String, at offset: Int, of query: [UInt8]) -> QueryError {
        let before = query.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return .parameter("query", "\(line):\(offset - lineStart + 1): parse error: \(message)")
    }
}
