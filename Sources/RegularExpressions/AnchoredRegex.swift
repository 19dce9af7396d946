/// A regular expression in RE2's syntax that is matched against whole texts, as Prometheus matches label values.
///
/// A dot matches a newline too (as in Prometheus 3). Matching takes time linear in the text for every pattern.
/// Back-references and look-around are refused, as RE2 refuses them; so are Unicode scripts, which RE2 has.
/// Source: `docs/storage.md`, Regular expressions.
public struct AnchoredRegex: Sendable {
    /// The same question asked in the cheapest way.
    enum Strategy: Sendable {
        case everything
        case nonEmpty
        /// Exactly these texts.
        case literals([[UInt8]])
        case automaton(RegexProgram)
    }

    public let pattern: String
    let strategy: Strategy

    /// - Throws: ``RegexError`` for a malformed or too large pattern.
    public init(_ pattern: String) throws(RegexError) {
        self.pattern = pattern
        let node = try RegexParser.parse(pattern)
        if case .repetition(.scalars(.any), let minimum, nil) = node, minimum <= 1 {
            strategy = minimum == 0 ? .everything : .nonEmpty
        } else if let literals = Self.literals(of: node) {
            strategy = .literals(literals)
        } else {
            strategy = .automaton(try RegexProgram(node))
        }
    }

    /// The texts that match, when they are few and known: `a|b` and the like.
    public var literals: [[UInt8]]? {
        if case .literals(let literals) = strategy { literals } else { nil }
    }

    /// Whether the whole text matches. For many texts make one ``Evaluator``.
    public func matches(_ text: String) -> Bool {
        var evaluator = Evaluator(self)
        var text = text
        return text.withUTF8 { evaluator.matches(UnsafeRawBufferPointer($0)) }
    }

    /// Matches text after text, remembering the automaton's states.
    public struct Evaluator {
        private enum Mode {
            case everything
            case nonEmpty
            case literals(Set<[UInt8]>)
            case automaton
        }
        private let mode: Mode
        private var matcher: RegexMatcher?

        public init(_ regex: AnchoredRegex) {
            switch regex.strategy {
            case .everything: mode = .everything
            case .nonEmpty: mode = .nonEmpty
            case .literals(let literals): mode = .literals(Set(literals))
            case .automaton(let program):
                mode = .automaton
                matcher = RegexMatcher(program)
            }
        }

        public mutating func matches(_ text: UnsafeRawBufferPointer) -> Bool {
            switch mode {
            case .everything: true
            case .nonEmpty: !text.isEmpty
            case .literals(let literals): literals.contains(Array(text))
            case .automaton: matcher?.matches(text) ?? false
            }
        }
    }

    /// All texts that match, if they are few and can be listed.
    private static func literals(of node: RegexNode) -> [[UInt8]]? {
        switch node {
        case .empty: return [[]]
        case .scalars(let set):
            var texts: [[UInt8]] = []
            for range in set.ranges {
                guard texts.count + Int(range.upperBound - range.lowerBound) < RegexLimits.literals else { return nil }
                for value in range {
                    if let scalar = Unicode.Scalar(value) { texts.append(Array(String(scalar).utf8)) }
                }
            }
            return texts
        case .concatenation(let parts):
            var texts: [[UInt8]] = [[]]
            for part in parts {
                guard let tails = literals(of: part), texts.count * tails.count <= RegexLimits.literals else {
                    return nil
                }
                texts = texts.flatMap { head in tails.map { head + $0 } }
            }
            return unique(texts)
        case .alternation(let branches):
            var texts: [[UInt8]] = []
            for branch in branches {
                guard let more = literals(of: branch), texts.count + more.count <= RegexLimits.literals else {
                    return nil
                }
                texts += more
            }
            return unique(texts)
        case .repetition(let body, 0, 1):
            return literals(of: body).map { unique([[]] + $0) }
        case .repetition, .assertion: return nil
        }
    }

    private static func unique(_ texts: [[UInt8]]) -> [[UInt8]] {
        var seen: Set<[UInt8]> = []
        return texts.filter { seen.insert($0).inserted }
    }
}
