/// Checks the syntax of a regular expression (RE2's, which Prometheus uses) and tells whether it accepts the empty
/// text, without running it: nullability follows from the structure in one pass, so that no pattern is expensive.
enum RegexSyntax {
    private static let maxDepth = 200
    private static let maxRepeat = 1000

    /// - Throws: ``QueryError`` of kind `badData` that names what is wrong and where.
    static func matchesEmpty(_ pattern: String) throws(QueryError) -> Bool {
        var reader = Reader(pattern: pattern)
        let nullable = try reader.alternatives(depth: 0)
        if reader.peek != nil { throw reader.invalid("unexpected )") }
        return nullable
    }

    private struct Reader {
        let pattern: String
        let scalars: [Unicode.Scalar]
        var position = 0

        init(pattern: String) {
            self.pattern = pattern
            scalars = Array(pattern.unicodeScalars)
        }

        var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

        func invalid(_ reason: String) -> QueryError {
            QueryError(.badData, "invalid regular expression '\(pattern)': \(reason) at character \(position + 1)")
        }

        mutating func take(_ scalar: Unicode.Scalar) -> Bool {
            guard peek == scalar else { return false }
            position += 1
            return true
        }

        mutating func alternatives(depth: Int) throws(QueryError) -> Bool {
            guard depth <= maxDepth else { throw invalid("groups nested more than \(maxDepth) deep") }
            var nullable = try sequence(depth: depth)
            while take("|") {
                if try sequence(depth: depth) { nullable = true }
            }
            return nullable
        }

        private mutating func sequence(depth: Int) throws(QueryError) -> Bool {
            var nullable = true
            while let scalar = peek, scalar != "|", scalar != ")" {
                let atom = try self.atom(depth: depth)
                if try !repetition(of: atom) { nullable = false }
            }
            return nullable
        }

        /// What may follow an atom: `*`, `+`, `?`, `{n,m}`, each with `?` for reluctance.
        private mutating func repetition(of atom: Bool) throws(QueryError) -> Bool {
            var nullable = atom
            var isRepeated = false
            while let scalar = peek {
                switch scalar {
                case "*", "?", "+":
                    position += 1
                    nullable = nullable || scalar != "+"
                case "{":
                    guard let least = try bounds() else { return nullable }
                    nullable = nullable || least == 0
                default: return nullable
                }
                if isRepeated { throw invalid("a repetition operator follows another") }
                isRepeated = true
                _ = take("?")
            }
            return nullable
        }

        /// Reads `{n}`, `{n,}` or `{n,m}`; anything else in braces is literal text (nil).
        private mutating func bounds() throws(QueryError) -> Int? {
            let start = position
            position += 1
            guard let least = number() else {
                position = start
                return nil
            }
            var most: Int? = least
            if take(",") { most = number() }
            guard take("}") else {
                position = start
                return nil
            }
            if least > maxRepeat || (most ?? 0) > maxRepeat { throw invalid("a repeat count exceeds \(maxRepeat)") }
            if let most, most < least { throw invalid("a repeat range runs backwards") }
            return least
        }

        private mutating func number() -> Int? {
            var value: Int?
            while let digit = peek, digit >= "0", digit <= "9" {
                value = min((value ?? 0) * 10 + Int(digit.value - 48), 1_000_000)
                position += 1
            }
            return value
        }

        private mutating func atom(depth: Int) throws(QueryError) -> Bool {
            guard let scalar = peek else { return true }
            switch scalar {
            case "(":
                position += 1
                let isFlagsOnly = try groupHead()
                if isFlagsOnly { return true }
                let nullable = try alternatives(depth: depth + 1)
                guard take(")") else { throw invalid("missing )") }
                return nullable
            case "[":
                try characterClass()
                return false
            case "*", "+", "?":
                throw invalid("a repetition operator has nothing to repeat")
            case "^", "$":
                position += 1
                return true
            case "\\":
                return try escape()
            default:
                position += 1
                return false
            }
        }

        /// Reads what follows `(`: nothing, `?:`, `?P<name>`, `?<name>`, `?flags:`; true for `?flags)`.
        private mutating func groupHead() throws(QueryError) -> Bool {
            guard take("?") else { return false }
            if take("P") || peek == "<" {
                guard take("<") else { throw invalid("(?P must be followed by <name>") }
                let start = position
                while let scalar = peek, scalar != ">" {
                    guard scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                    else { throw invalid("a group name has other characters than letters, digits and _") }
                    position += 1
                }
                guard position > start, take(">") else { throw invalid("a group name is missing or not closed") }
                return false
            }
            while let scalar = peek {
                position += 1
                switch scalar {
                case "i", "m", "s", "U", "-": continue
                case ":": return false
                case ")": return true
                default: throw invalid("'\(scalar)' is no flag of a group (look-around is not supported)")
                }
            }
            throw invalid("missing )")
        }

        private mutating func characterClass() throws(QueryError) {
            position += 1
            _ = take("^")
            var isFirst = true
            while let scalar = peek {
                if scalar == "]", !isFirst {
                    position += 1
                    return
                }
                isFirst = false
                if scalar == "[", position + 1 < scalars.count, scalars[position + 1] == ":" {
                    try posixClass()
                    continue
                }
                guard let low = try classMember() else { continue }
                guard peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else { continue }
                position += 1
                guard let high = try classMember(), low <= high else {
                    throw invalid("a character range runs backwards")
                }
            }
            throw invalid("missing ]")
        }

        private mutating func posixClass() throws(QueryError) {
            position += 2
            while let scalar = peek, scalar != ":", scalar != "]" { position += 1 }
            guard take(":"), take("]") else { throw invalid("missing :]") }
        }

        /// One character of a class, nil when it is a class itself such as `\d`.
        private mutating func classMember() throws(QueryError) -> Unicode.Scalar? {
            guard let scalar = peek else { throw invalid("missing ]") }
            guard scalar == "\\" else {
                position += 1
                return scalar
            }
            let escaped = position + 1 < scalars.count ? scalars[position + 1] : nil
            _ = try escape()
            guard let escaped, !"dDwWsSpPxQ".unicodeScalars.contains(escaped) else { return nil }
            return escaped
        }

        /// Reads an escape; true when it matches the empty text.
        private mutating func escape() throws(QueryError) -> Bool {
            position += 1
            guard let scalar = peek else { throw invalid("a backslash ends it") }
            position += 1
            switch scalar {
            case "A", "z", "B": return true
            case "b", "d", "D", "w", "W", "s", "S", "a", "f", "t", "n", "r", "v": return false
            case "0"..."7": return false
            case "x":
                if take("{") {
                    while let digit = peek, digit.properties.isASCIIHexDigit { position += 1 }
                    guard take("}") else { throw invalid("\\x{ is not closed") }
                } else {
                    for _ in 0..<2 {
                        guard let digit = peek, digit.properties.isASCIIHexDigit else {
                            throw invalid("\\x needs two hexadecimal digits")
                        }
                        position += 1
                    }
                }
                return false
            case "p", "P":
                if take("{") {
                    while let letter = peek, letter != "}" { position += 1 }
                    guard take("}") else { throw invalid("\\p{ is not closed") }
                } else if peek != nil {
                    position += 1
                } else {
                    throw invalid("\\p needs the name of a class")
                }
                return false
            case "Q":
                let start = position
                while position < scalars.count {
                    if scalars[position] == "\\", position + 1 < scalars.count, scalars[position + 1] == "E" {
                        position += 2
                        return position - start == 2
                    }
                    position += 1
                }
                return position == start
            case _ where scalar.isASCII && !scalar.properties.isAlphabetic: return false
            default: throw invalid("'\\\(scalar)' is no escape")
            }
        }
    }
}
