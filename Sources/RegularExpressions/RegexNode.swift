/// The syntax tree of a regular expression.
indirect enum RegexNode: Equatable {
    case empty
    case scalars(ScalarSet)
    case concatenation([RegexNode])
    case alternation([RegexNode])
    /// `maximum` nil: any number.
    case repetition(RegexNode, minimum: Int, maximum: Int?)
    case assertion(RegexAssertion)
}

/// A condition on the place between two bytes.
enum RegexAssertion: UInt8, Equatable {
    case textStart, textEnd, lineStart, lineEnd, wordBoundary, notWordBoundary
}

/// Why a regular expression was not accepted.
public struct RegexError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Limits on what a pattern from outside may cost.
enum RegexLimits {
    static let patternBytes = 65_536
    /// As RE2.
    static let repetitions = 1_000
    static let nesting = 250
    /// A match costs at most this much work per byte of text.
    static let instructions = 40_000
    /// States of the automaton that are kept while matching; beyond that it starts anew.
    static let states = 2_000
    /// Alternatives that are looked up one by one rather than by trying every value.
    static let literals = 512
}
