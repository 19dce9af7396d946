import RegularExpressions

/// One condition on a label. A label that a series does not have counts as empty.
public struct LabelMatcher: Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable {
        case equal = "="
        case notEqual = "!="
        /// The whole value matches a regular expression (RE2 syntax).
        case regex = "=~"
        case notRegex = "!~"
    }

    public var kind: Kind
    public var name: String
    public var value: String

    public init(_ kind: Kind, name: String, value: String) {
        self.kind = kind
        self.name = name
        self.value = value
    }

    /// Whether series without the label are accepted.
    /// - Throws: ``QueryError`` when the value is no regular expression.
    public func matchesEmpty() throws(QueryError) -> Bool {
        switch kind {
        case .equal: value.isEmpty
        case .notEqual: !value.isEmpty
        case .regex: try regexMatchesEmpty()
        case .notRegex: try !regexMatchesEmpty()
        }
    }

    private func regexMatchesEmpty() throws(QueryError) -> Bool {
        do {
            return try AnchoredRegex(value).matches("")
        } catch {
            throw QueryError(.badData, "invalid regular expression '\(value)': \(error)")
        }
    }

    public var description: String { "\(name)\(kind.rawValue)\"\(value)\"" }
}
