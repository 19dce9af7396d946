/// Reads all of PromQL's grammar, so that a syntax error can be told from what is only not evaluated here; keeps
/// nothing of the latter but its name.
struct PromQLParser {
    private static let maxDepth = 100

    let query: [UInt8]
    let tokens: [PromQLToken]
    var index = 0
    private var depth = 0

    init(query: [UInt8], tokens: [PromQLToken]) {
        self.query = query
        self.tokens = tokens
    }

    mutating func parse() throws(QueryError) -> PromQLExpression {
        if current.kind == .end { throw syntax("no expression found in input") }
        let expression = try self.expression(minPrecedence: 0)
        if current.kind != .end { throw unexpected() }
        return expression
    }

    // The last token is always `end`, which nobody steps over.
    var current: PromQLToken { tokens[index] }
    var following: PromQLToken { tokens[min(index + 1, tokens.count - 1)] }

    mutating func advance() { index = min(index + 1, tokens.count - 1) }

    mutating func take(_ symbol: String) -> Bool {
        guard current.kind == .symbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String, in context: String) throws(QueryError) {
        guard take(symbol) else { throw unexpected("in \(context), expected \"\(symbol)\"") }
    }

    func syntax(_ message: String) -> QueryError { .syntax(message, at: current.offset, of: query) }

    func unexpected(_ context: String = "") -> QueryError {
        syntax("unexpected \(current.description)" + (context.isEmpty ? "" : " " + context))
    }

    /// The word in small letters when the current token is an identifier.
    var keyword: String? {
        if case .identifier(let name) = current.kind { name.lowercased() } else { nil }
    }

    mutating func expression(minPrecedence: Int) throws(QueryError) -> PromQLExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maxDepth else { throw syntax("expressions nested more than \(Self.maxDepth) deep") }
        var left: PromQLExpression
        if current.kind == .symbol("+") || current.kind == .symbol("-") {
            let isNegative = current.kind == .symbol("-")
            advance()
            // Binds tighter than multiplication, looser than the power.
            if case .scalar(let value) = try expression(minPrecedence: 6) {
                left = .scalar(isNegative ? -value : value)
            } else {
                left = .other("an expression with a unary sign is")
            }
        } else {
            left = try postfix(primary())
        }
        while let (name, precedence) = PromQLGrammar.binaryOperator(current), precedence >= minPrecedence {
            advance()
            let modifiers = current
            let isBool = keyword == "bool"
            let isMatching = try binaryModifiers()
            let right = try expression(minPrecedence: name == "^" ? precedence : precedence + 1)
            if case .scalar(let a) = left, case .scalar(let b) = right {
                if isMatching {
                    throw .syntax(
                        "vector matching only allowed between instant vectors", at: modifiers.offset, of: query)
                }
                if let value = ConstantArithmetic.apply(name, a, b) {
                    if isBool {
                        throw .syntax(
                            "bool modifier can only be used on comparison operators", at: modifiers.offset, of: query)
                    }
                    left = .scalar(value)
                    continue
                }
            }
            left = .other("the binary operator \(name) is")
        }
        return left
    }

    /// Whether there is an `on` or `ignoring`.
    private mutating func binaryModifiers() throws(QueryError) -> Bool {
        if keyword == "bool" { advance() }
        guard keyword == "on" || keyword == "ignoring" else { return false }
        advance()
        try labelList()
        guard keyword == "group_left" || keyword == "group_right" else { return true }
        advance()
        if current.kind == .symbol("(") { try labelList() }
        return true
    }

    private mutating func primary() throws(QueryError) -> PromQLExpression {
        switch current.kind {
        case .number(let value):
            advance()
            return .scalar(value)
        case .duration(let millis):
            // As a number a duration counts in seconds.
            advance()
            return .scalar(Double(millis) / 1000)
        case .string:
            advance()
            return .other("a string literal is")
        case .symbol("("):
            advance()
            let inner = try expression(minPrecedence: 0)
            try expect(")", in: "parenthesised expression")
            return inner
        case .symbol("{"):
            return .vectorSelector(try selector(metricName: nil))
        case .identifier(let name):
            let word = name.lowercased()
            if PromQLGrammar.aggregators.contains(word), isAggregation() {
                advance()
                try aggregation(word)
                return .other("the aggregation operator \(word) is")
            }
            if following.kind == .symbol("(") {
                guard PromQLGrammar.functions.contains(name) else {
                    throw syntax("unknown function with name \"\(name)\"")
                }
                let call = current
                advance()
                let arguments = try arguments()
                if name == "vector" { return try constantVector(arguments, call: call) }
                return .other("the function \(name) is")
            }
            if PromQLGrammar.reserved.contains(word) { throw unexpected() }
            advance()
            return .vectorSelector(try selector(metricName: name))
        default:
            throw unexpected()
        }
    }

    private func isAggregation() -> Bool {
        switch following.kind {
        case .symbol("("): true
        case .identifier(let word): ["by", "without"].contains(word.lowercased())
        default: false
        }
    }

    private mutating func aggregation(_ name: String) throws(QueryError) {
        let isGroupedBefore = keyword == "by" || keyword == "without"
        if isGroupedBefore {
            advance()
            try labelList()
        }
        guard current.kind == .symbol("(") else { throw unexpected("in aggregation, expected \"(\"") }
        _ = try arguments()
        if !isGroupedBefore, keyword == "by" || keyword == "without" {
            advance()
            try labelList()
        }
    }

    private mutating func arguments() throws(QueryError) -> [PromQLExpression] {
        try expect("(", in: "call")
        var arguments: [PromQLExpression] = []
        if take(")") { return arguments }
        repeat { arguments.append(try expression(minPrecedence: 0)) } while take(",")
        try expect(")", in: "call")
        return arguments
    }

    private func constantVector(
        _ arguments: [PromQLExpression], call: PromQLToken
    ) throws(QueryError) -> PromQLExpression {
        guard arguments.count == 1 else {
            throw .syntax(
                "expected 1 argument(s) in call to \"vector\", got \(arguments.count)", at: call.offset, of: query)
        }
        switch arguments[0] {
        case .scalar(let value): return .constantVector(value)
        case .other: return .other("the function vector is")
        case .vectorSelector, .matrixSelector, .constantVector:
            throw .syntax(
                "expected type scalar in call to function \"vector\", got a vector", at: call.offset, of: query)
        }
    }

    private mutating func labelList() throws(QueryError) {
        try expect("(", in: "grouping")
        while !take(")") {
            switch current.kind {
            case .identifier, .string: advance()
            default: throw unexpected("in grouping, expected a label")
            }
            if !take(",") {
                try expect(")", in: "grouping")
                return
            }
        }
    }

    /// What may follow an expression: `[5m]`, `[1h:5m]`, `offset 5m`, `@ 1700000000`.
    private mutating func postfix(_ operand: PromQLExpression) throws(QueryError) -> PromQLExpression {
        var result = operand
        while true {
            if take("[") {
                result = try range(of: result)
            } else if keyword == "offset" {
                advance()
                if !take("-") { _ = take("+") }
                _ = try duration(in: "offset")
                result = .other("the modifier offset is")
            } else if take("@") {
                try atModifier()
                result = .other("the modifier @ is")
            } else {
                return result
            }
        }
    }

    private mutating func range(of operand: PromQLExpression) throws(QueryError) -> PromQLExpression {
        let start = current
        let millis = try duration(in: "range")
        if take(":") {
            if current.kind != .symbol("]") { _ = try duration(in: "subquery") }
            try expect("]", in: "subquery")
            return .other("a subquery is")
        }
        try expect("]", in: "range")
        switch operand {
        case .vectorSelector(let matchers):
            guard millis > 0 else { throw .syntax("duration must be greater than 0", at: start.offset, of: query) }
            return .matrixSelector(matchers, rangeMillis: millis)
        case .matrixSelector, .scalar, .constantVector, .other:
            throw .syntax("ranges only allowed for vector selectors", at: start.offset, of: query)
        }
    }

    private mutating func atModifier() throws(QueryError) {
        if keyword == "start" || keyword == "end" {
            advance()
            try expect("(", in: "@")
            try expect(")", in: "@")
            return
        }
        if !take("-") { _ = take("+") }
        switch current.kind {
        case .number: advance()
        default: throw unexpected("in @, expected a timestamp in seconds")
        }
    }

    /// A duration, or a plain number of seconds.
    private mutating func duration(in context: String) throws(QueryError) -> Int64 {
        switch current.kind {
        case .duration(let millis):
            advance()
            return millis
        case .number(let seconds):
            guard let millis = Int64(exactly: (seconds * 1000).rounded()) else {
                throw unexpected("in \(context): it is out of range")
            }
            advance()
            return millis
        default:
            throw unexpected("in \(context), expected a duration")
        }
    }
}
