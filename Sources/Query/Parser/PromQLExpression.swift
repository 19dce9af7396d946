/// A query, as far as it is evaluated here.
public enum PromQLExpression: Equatable, Sendable {
    /// `up{job="api"}`
    case vectorSelector([LabelMatcher])
    /// `up{job="api"}[5m]`; samples from more than `rangeMillis` ago are left out.
    case matrixSelector([LabelMatcher], rangeMillis: Int64)
    /// A number, or arithmetic on numbers: `1 + 1`.
    case scalar(Double)
    /// `vector(1)`: one series without labels that always has this value.
    case constantVector(Double)
    /// Any other valid PromQL; the text names what it is, with its verb: `function rate is`.
    case other(String)

    /// Longer queries are refused.
    public static let maxBytes = 65_536

    /// - Throws: ``QueryError`` of kind `badData` with the position of a syntax error.
    public init(parsing query: String) throws(QueryError) {
        let bytes = Array(query.utf8)
        guard bytes.count <= Self.maxBytes else {
            throw .parameter("query", "\(bytes.count) bytes long: at most \(Self.maxBytes)")
        }
        var parser = PromQLParser(query: bytes, tokens: try PromQLLexer.tokens(of: bytes))
        self = try parser.parse()
    }

    /// The matchers of a series selector: what `match[]` and the `query` command take.
    /// - Throws: ``QueryError``, also for valid PromQL that is no plain selector.
    public static func selector(parsing text: String, parameter: String) throws(QueryError) -> [LabelMatcher] {
        let expression: PromQLExpression
        do {
            expression = try PromQLExpression(parsing: text)
        } catch {
            // The parser speaks of the query; here the text has another name.
            let prefix = "invalid parameter \"query\": "
            let reason = error.message.hasPrefix(prefix) ? String(error.message.dropFirst(prefix.count)) : error.message
            throw .parameter(parameter, reason)
        }
        guard case .vectorSelector(let matchers) = expression else {
            throw .parameter(
                parameter, "it must be a series selector such as up{job=\"api\"}, not '\(text.prefix(100))'")
        }
        return matchers
    }
}
