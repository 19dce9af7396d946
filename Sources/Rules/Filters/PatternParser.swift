/// Compiles a pattern, accepting and refusing exactly what M3 does.
struct PatternParser {
    private let pattern: [UInt8]

    init(_ pattern: [UInt8]) { self.pattern = pattern }

    func parse() throws(FilterError) -> ValueFilter {
        guard pattern.first == UInt8(ascii: "!") else {
            return ValueFilter(shape: try shape(of: pattern[...]), isNegated: false)
        }
        if pattern.count == 1 { throw invalid("'!' needs a pattern behind it") }
        return ValueFilter(shape: try shape(of: pattern.dropFirst()), isNegated: true)
    }

    private func shape(of text: ArraySlice<UInt8>) throws(FilterError) -> ValueFilter.Shape {
        let star = UInt8(ascii: "*")
        guard let first = text.firstIndex(of: star) else {
            let chain = try chain(of: text)
            if chain.elements.isEmpty { return .equals([]) }
            if chain.elements.count == 1, case .literal(let bytes) = chain.elements[0] { return .equals(bytes) }
            return .whole(chain)
        }
        if text.count == 1 { return .any }
        let last = text.lastIndex(of: star) ?? first
        if first == last {
            return .ends(
                prefix: try chain(of: text[text.startIndex..<first]), suffix: try chain(of: text[(first + 1)...]))
        }
        let inner = text[(first + 1)..<last]
        guard first == text.startIndex, last == text.endIndex - 1, !inner.isEmpty, !inner.contains(star) else {
            throw invalid("'*' may stand once, or once at each end around some text")
        }
        if inner.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }) {
            throw invalid("between two '*' only plain text may stand, no '?', '[' or '{'")
        }
        return .contains(Array(inner))
    }

    private func chain(of text: ArraySlice<UInt8>) throws(FilterError) -> PatternChain {
        var elements: [PatternChain.Element] = []
        var literal: [UInt8] = []
        func flush() {
            if !literal.isEmpty { elements.append(.literal(literal)) }
            literal = []
        }
        var index = text.startIndex
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "["):
                flush()
                let (inner, next) = try enclosed(text, from: index, until: UInt8(ascii: "]"))
                elements.append(.byteSet(try byteSet(inner)))
                index = next
            case UInt8(ascii: "{"):
                flush()
                let (inner, next) = try enclosed(text, from: index, until: UInt8(ascii: "}"))
                if inner.isEmpty { throw invalid("'{}' lists no alternative") }
                let alternatives = inner.split(separator: UInt8(ascii: ",")).map { Array($0) }
                elements.append(.alternatives(alternatives.sorted { $0.count > $1.count }))
                index = next
            case UInt8(ascii: "?"):
                flush()
                elements.append(.anyByte)
                index += 1
            default:
                literal.append(text[index])
                index += 1
            }
        }
        flush()
        return PatternChain(elements: elements)
    }

    private func enclosed(
        _ text: ArraySlice<UInt8>, from start: Int, until close: UInt8
    ) throws(FilterError) -> (inner: ArraySlice<UInt8>, next: Int) {
        guard let end = text[(start + 1)...].firstIndex(of: close) else {
            let opening = String(decoding: [text[start]], as: UTF8.self)
            throw invalid("'\(opening)' has no closing '\(String(decoding: [close], as: UTF8.self))'")
        }
        return (text[(start + 1)..<end], end + 1)
    }

    private func byteSet(_ inner: ArraySlice<UInt8>) throws(FilterError) -> ByteSet {
        if inner.isEmpty { throw invalid("'[]' lists no byte") }
        let isNegated = inner.first == UInt8(ascii: "!")
        let members = Array(isNegated ? inner.dropFirst() : inner)
        var set = ByteSet()
        if members.count > 1, members[1] == UInt8(ascii: "-") {
            guard members.count.isMultiple(of: 3) else {
                throw invalid("ranges in '[…]' have three bytes each, as 'a-z'")
            }
            for i in stride(from: 0, to: members.count, by: 3) {
                guard members[i + 1] == UInt8(ascii: "-"), members[i] <= members[i + 2] else {
                    throw invalid("ranges in '[…]' go from low to high, as 'a-z'")
                }
                for byte in members[i]...members[i + 2] { set.insert(byte) }
            }
        } else {
            for byte in members { set.insert(byte) }
        }
        if isNegated { set.invert() }
        return set
    }

    private func invalid(_ reason: String) -> FilterError {
        .invalidPattern(String(decoding: pattern, as: UTF8.self), reason: reason)
    }
}
