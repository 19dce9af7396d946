extension RegexParser {
    /// What follows a backslash outside of a class.
    mutating func escape() throws(RegexError) -> RegexNode {
        guard let scalar = next else { throw RegexError("trailing backslash") }
        switch scalar {
        case "A":
            position += 1
            return .assertion(.textStart)
        case "z":
            position += 1
            return .assertion(.textEnd)
        case "b":
            position += 1
            return .assertion(.wordBoundary)
        case "B":
            position += 1
            return .assertion(.notWordBoundary)
        default: break
        }
        if let set = try classEscape() { return .scalars(flags.ignoresCase ? set.caseFolded : set) }
        return literal(try characterEscape())
    }

    /// `\d`, `\p{L}` and their like, with the backslash already read; nil when it is another escape.
    private mutating func classEscape() throws(RegexError) -> ScalarSet? {
        guard let scalar = next else { return nil }
        let set: ScalarSet
        switch scalar {
        case "d": set = .digit
        case "D": set = ScalarSet.digit.inverted
        case "s": set = .space
        case "S": set = ScalarSet.space.inverted
        case "w": set = .word
        case "W": set = ScalarSet.word.inverted
        case "p", "P": return try unicodeClass(isNegated: scalar == "P")
        default: return nil
        }
        position += 1
        return set
    }

    private mutating func unicodeClass(isNegated: Bool) throws(RegexError) -> ScalarSet {
        position += 1
        var name = ""
        var isNegated = isNegated
        if take("{") {
            if take("^") { isNegated.toggle() }
            while let scalar = next, scalar != "}" {
                name.unicodeScalars.append(scalar)
                position += 1
            }
            guard take("}") else { throw RegexError("missing } of a Unicode class") }
        } else if let scalar = next {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard let set = ScalarSet.generalCategory(name) else {
            throw RegexError("invalid or unsupported Unicode class '\(name)': general categories such as L or Lu")
        }
        return isNegated ? set.inverted : set
    }

    /// An escape that stands for one character, with the backslash already read.
    private mutating func characterEscape() throws(RegexError) -> Unicode.Scalar {
        guard let scalar = next else { throw RegexError("trailing backslash") }
        position += 1
        switch scalar {
        case "a": return "\u{07}"
        case "f": return "\u{0C}"
        case "t": return "\t"
        case "n": return "\n"
        case "r": return "\r"
        case "v": return "\u{0B}"
        case "x": return try hexadecimal()
        case "0"..."7":
            // A single digit other than 0 would be a back-reference, which RE2 does not have.
            let isOctal = scalar == "0" || (next.map { ("0"..."7").contains($0) } ?? false)
            guard isOctal else { throw RegexError("back-references such as \\\(scalar) are not supported") }
            var value = scalar.value - 48
            var digits = 1
            while digits < 3, let digit = next, ("0"..."7").contains(digit) {
                value = value * 8 + digit.value - 48
                position += 1
                digits += 1
            }
            guard let result = Unicode.Scalar(value) else { throw RegexError("invalid octal escape") }
            return result
        default:
            let isWord = ScalarSet.word.ranges.contains { $0.contains(scalar.value) }
            guard scalar.isASCII, !isWord || scalar == "_" else {
                throw RegexError("invalid escape sequence \\\(scalar)")
            }
            return scalar
        }
    }

    private mutating func hexadecimal() throws(RegexError) -> Unicode.Scalar {
        var digits = ""
        if take("{") {
            while let scalar = next, scalar != "}" {
                digits.unicodeScalars.append(scalar)
                position += 1
            }
            guard take("}") else { throw RegexError("missing } of \\x{") }
        } else {
            for _ in 0..<2 {
                if let scalar = next { digits.unicodeScalars.append(scalar) }
                position += 1
            }
        }
        guard digits.utf8.count <= 8, !digits.hasPrefix("+"), let value = UInt32(digits, radix: 16),
            let scalar = Unicode.Scalar(value)
        else { throw RegexError("invalid escape sequence \\x\(digits)") }
        return scalar
    }

    /// A bracketed class, with its `[` already read.
    mutating func characterClass() throws(RegexError) -> ScalarSet {
        let start = position
        let isNegated = take("^")
        var set = ScalarSet()
        var isFirst = true
        while true {
            guard let scalar = next else {
                throw RegexError("missing closing ] for the class at character \(start)")
            }
            if scalar == "]", !isFirst {
                position += 1
                break
            }
            isFirst = false
            if scalar == "[", peek(1) == ":", let named = try namedClass() {
                set.formUnion(named)
                continue
            }
            if scalar == "\\" {
                position += 1
                if let escaped = try classEscape() {
                    set.formUnion(escaped)
                    continue
                }
                position -= 1
            }
            let low = try classCharacter()
            var high = low
            if next == "-", let after = peek(1), after != "]" {
                position += 1
                high = try classCharacter()
            }
            guard low <= high else { throw RegexError("invalid character class range \(low)-\(high)") }
            set.formUnion(ScalarSet(low.value...high.value))
        }
        if flags.ignoresCase { set = set.caseFolded }
        return isNegated ? set.inverted : set
    }

    private mutating func classCharacter() throws(RegexError) -> Unicode.Scalar {
        guard let scalar = next else { throw RegexError("missing closing ]") }
        position += 1
        return scalar == "\\" ? try characterEscape() : scalar
    }

    /// `[:name:]` or `[:^name:]`; nil when no such form stands here.
    private mutating func namedClass() throws(RegexError) -> ScalarSet? {
        var scan = position + 2
        var name = ""
        while scan + 1 < pattern.count, pattern[scan] != ":" {
            name.unicodeScalars.append(pattern[scan])
            scan += 1
        }
        guard scan + 1 < pattern.count, pattern[scan + 1] == "]" else { return nil }
        let isNegated = name.hasPrefix("^")
        guard let set = ScalarSet.posix(isNegated ? String(name.dropFirst()) : name) else {
            throw RegexError("invalid character class range [:\(name):]")
        }
        position = scan + 2
        return isNegated ? set.inverted : set
    }
}
