import RegularExpressions

/// One condition on a label, with Prometheus' meaning: regular expressions are anchored at both ends, and a label
/// that a series does not have equals the empty string.
public struct LabelMatcher: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        case regex = "=~"
        case notRegex = "!~"
    }

    public let name: String
    public let kind: Kind
    public let value: String
    let pattern: AnchoredRegex?

    /// - Throws: ``StorageError/invalidMatcher(name:pattern:reason:)`` for a regular expression that is malformed, too
    ///   large, or uses what RE2 lacks.
    public init(_ name: String, _ kind: Kind, _ value: String) throws(StorageError) {
        self.name = name
        self.kind = kind
        self.value = value
        switch kind {
        case .equal, .notEqual: pattern = nil
        case .regex, .notRegex:
            do {
                pattern = try AnchoredRegex(value)
            } catch {
                throw .invalidMatcher(name: name, pattern: value, reason: error.description)
            }
        }
    }

    /// Whether series without the label satisfy the matcher.
    var matchesEmpty: Bool {
        switch kind {
        case .equal: value.isEmpty
        case .notEqual: !value.isEmpty
        case .regex: pattern?.matches("") ?? false
        case .notRegex: !(pattern?.matches("") ?? false)
        }
    }
}

extension LabelMatcher: CustomStringConvertible {
    public var description: String { "\(name)\(kind.rawValue)\"\(value)\"" }
}
