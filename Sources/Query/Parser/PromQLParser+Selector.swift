extension PromQLParser {
    /// Reads `{…}` if there is one, with the metric name that stood before it.
    mutating func selector(metricName: String?) throws(QueryError) -> [LabelMatcher] {
        let start = current.offset
        var matchers: [LabelMatcher] = []
        var hasNonEmpty = metricName != nil
        if let metricName { matchers.append(LabelMatcher(.equal, name: "__name__", value: metricName)) }
        if take("{") {
            while !take("}") {
                if try !matcher(into: &matchers, hasMetricName: metricName != nil) { hasNonEmpty = true }
                if !take(",") {
                    try expect("}", in: "label matching")
                    break
                }
            }
        }
        guard hasNonEmpty else {
            throw .syntax("vector selector must contain at least one non-empty matcher", at: start, of: query)
        }
        return matchers
    }

    /// Reads `name="value"`, or a quoted metric name alone.
    /// - Returns: whether series without the label are accepted.
    private mutating func matcher(into matchers: inout [LabelMatcher], hasMetricName: Bool) throws(QueryError) -> Bool {
        let token = current
        let name: String
        switch token.kind {
        case .identifier(let text):
            if text.contains(":") { throw unexpected("in label matching, expected a label name") }
            name = text
        case .string(let text):
            name = text
            guard case .symbol(let symbol) = following.kind, LabelMatcher.Kind(rawValue: symbol) != nil else {
                let isNamed = hasMetricName || matchers.contains { $0.kind == .equal && $0.name == "__name__" }
                if isNamed { throw syntax("the metric name must not be set twice") }
                advance()
                matchers.append(LabelMatcher(.equal, name: "__name__", value: text))
                return text.isEmpty
            }
        case .number(let value) where value.isNaN || value.isInfinite:
            // The words NaN and Inf are label names here.
            name = String(decoding: query[token.offset..<token.offset + 3], as: UTF8.self)
        default:
            throw unexpected("in label matching, expected a label name or \"}\"")
        }
        advance()
        guard case .symbol(let symbol) = current.kind, let kind = LabelMatcher.Kind(rawValue: symbol) else {
            throw unexpected("in label matching, expected one of =, !=, =~, !~")
        }
        advance()
        guard case .string(let value) = current.kind else {
            throw unexpected("in label matching, expected a quoted string")
        }
        let matcher = LabelMatcher(kind, name: name, value: value)
        let matchesEmpty: Bool
        do {
            matchesEmpty = try matcher.matchesEmpty()
        } catch {
            throw syntax(error.message)
        }
        if hasMetricName, name == "__name__", kind == .equal {
            throw .syntax("the metric name must not be set twice", at: token.offset, of: query)
        }
        advance()
        matchers.append(matcher)
        return matchesEmpty
    }
}
