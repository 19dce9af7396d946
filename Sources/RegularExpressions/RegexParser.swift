/// Reads RE2's syntax into a tree. Lazy repetition and capture groups are read and mean nothing, because only
/// whether a whole text matches is asked.
struct RegexParser {
    struct Flags {
        var ignoresCase = false
        var isMultiline = false
        /// On from the start, as in Prometheus 3: a dot matches a newline too.
        var dotMatchesNewline = true
    }

    let pattern: [Unicode.Scalar]
    var position = 0
    var flags = Flags()
    private var depth = 0

    init(_ text: String) throws(RegexError) {
        guard text.utf8.count <= RegexLimits.patternBytes else {
            throw RegexError("it has \(text.utf8.count) bytes, at most \(RegexLimits.patternBytes) are allowed")
        }
        pattern = Array(text.unicodeScalars)
    }

    static func parse(_ text: String) throws(RegexError) -> RegexNode {
        var parser = try RegexParser(text)
        let node = try parser.alternation()
        guard parser.position == parser.pattern.count else {
            throw RegexError("unexpected ) at character \(parser.position + 1)")
        }
        return node
    }

    var next: Unicode.Scalar? { position < pattern.count ? pattern[position] : nil }

    func peek(_ offset: Int) -> Unicode.Scalar? {
        position + offset < pattern.count ? pattern[position + offset] : nil
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private mutating func alternation() throws(RegexError) -> RegexNode {
        // Flags that are set inside a group end with it.
        let outer = flags
        defer { flags = outer }
        depth += 1
        defer { depth -= 1 }
        guard depth <= RegexLimits.nesting else {
            throw RegexError("groups are nested more than \(RegexLimits.nesting) deep")
        }
        var branches = [try concatenation()]
        while take("|") { branches.append(try concatenation()) }
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private mutating func concatenation() throws(RegexError) -> RegexNode {
        var parts: [RegexNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if scalar == "\\", peek(1) == "Q" {
                parts += quoted()
                if let last = parts.popLast() { parts.append(try repeated(last)) }
                continue
            }
            guard let atom = try atom() else { continue }
            parts.append(try repeated(atom))
        }
        switch parts.count {
        case 0: return .empty
        case 1: return parts[0]
        default: return .concatenation(parts)
        }
    }

    private mutating func quoted() -> [RegexNode] {
        position += 2
        var parts: [RegexNode] = []
        while let scalar = next {
            if scalar == "\\", peek(1) == "E" {
                position += 2
                break
            }
            parts.append(literal(scalar))
            position += 1
        }
        return parts
    }

    func literal(_ scalar: Unicode.Scalar) -> RegexNode {
        let set = ScalarSet(scalar.value...scalar.value)
        return .scalars(flags.ignoresCase ? set.caseFolded : set)
    }

    /// One thing that can be repeated; nil for a group that only sets flags.
    private mutating func atom() throws(RegexError) -> RegexNode? {
        guard let scalar = next else { return nil }
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .scalars(try characterClass())
        case ".":
            return .scalars(flags.dotMatchesNewline ? .any : ScalarSet(0x0A...0x0A).inverted)
        case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "*", "+", "?":
            throw RegexError("missing argument to repetition operator \(scalar) at character \(position)")
        case "\\": return try escape()
        default: return literal(scalar)
        }
    }

    private mutating func repeated(_ atom: RegexNode) throws(RegexError) -> RegexNode {
        guard let (minimum, maximum) = try repetitionOperator() else { return atom }
        _ = take("?")
        let start = position
        if try repetitionOperator() != nil {
            throw RegexError("invalid nested repetition operator at character \(start + 1)")
        }
        return .repetition(atom, minimum: minimum, maximum: maximum)
    }

    private mutating func repetitionOperator() throws(RegexError) -> (Int, Int?)? {
        switch next {
        case "*":
            position += 1
            return (0, nil)
        case "+":
            position += 1
            return (1, nil)
        case "?":
            position += 1
            return (0, 1)
        case "{": return try bounds()
        default: return nil
        }
    }

    /// `{n}`, `{n,}` or `{n,m}`; any other brace stands for itself.
    private mutating func bounds() throws(RegexError) -> (Int, Int?)? {
        var scan = position + 1
        func number(_ scan: inout Int) -> Int? {
            var value = 0
            let start = scan
            while scan < pattern.count, let digit = Self.decimal(pattern[scan]) {
                value = min(value * 10 + digit, 1_000_000)
                scan += 1
            }
            return scan > start ? value : nil
        }
        guard let minimum = number(&scan), scan < pattern.count else { return nil }
        var maximum: Int? = minimum
        if pattern[scan] == "," {
            scan += 1
            maximum = number(&scan)
        }
        guard scan < pattern.count, pattern[scan] == "}" else { return nil }
        let text = String(String.UnicodeScalarView(pattern[position...scan]))
        guard minimum <= RegexLimits.repetitions, (maximum ?? 0) <= RegexLimits.repetitions else {
            throw RegexError("invalid repeat count \(text): at most \(RegexLimits.repetitions)")
        }
        if let maximum, maximum < minimum { throw RegexError("invalid repeat count \(text)") }
        position = scan + 1
        return (minimum, maximum)
    }

    private mutating func group() throws(RegexError) -> RegexNode? {
        let start = position
        let outer = flags
        if take("?") {
            if take("P") {
                guard next == "<" else { throw RegexError("invalid group (?P at character \(start)") }
            }
            if take("<") {
                guard next != "=", next != "!" else { throw RegexError("look-behind is not supported") }
                try groupName()
            } else {
                if next == "=" || next == "!" { throw RegexError("look-ahead is not supported") }
                if try groupFlags() { return nil }
            }
        }
        let node = try alternation()
        guard take(")") else { throw RegexError("missing closing ) for the group at character \(start)") }
        flags = outer
        return node
    }

    private mutating func groupName() throws(RegexError) {
        let start = position
        while let scalar = next, scalar != ">" {
            guard ScalarSet.word.ranges.contains(where: { $0.contains(scalar.value) }) else {
                throw RegexError("invalid group name at character \(position + 1)")
            }
            position += 1
        }
        guard position > start, take(">") else { throw RegexError("invalid group name at character \(start + 1)") }
    }

    /// Reads flags up to `:` (they hold for the group) or `)` (they hold from here on; the result is true).
    private mutating func groupFlags() throws(RegexError) -> Bool {
        var isOn = true
        while let scalar = next {
            position += 1
            switch scalar {
            case "i": flags.ignoresCase = isOn
            case "m": flags.isMultiline = isOn
            case "s": flags.dotMatchesNewline = isOn
            case "U": break
            case "-":
                guard isOn else { throw RegexError("invalid flags at character \(position)") }
                isOn = false
            case ":": return false
            case ")": return true
            default: throw RegexError("invalid or unsupported group flag '\(scalar)' at character \(position)")
            }
        }
        throw RegexError("missing closing )")
    }

    static func decimal(_ scalar: Unicode.Scalar) -> Int? {
        ("0"..."9").contains(scalar) ? Int(scalar.value) - 48 : nil
    }
}
