/// A nondeterministic automaton over bytes (Thompson's construction), made from a syntax tree.
struct RegexProgram: Sendable {
    enum Instruction: Sendable {
        /// Takes one byte within the bounds.
        case byte(low: UInt8, high: UInt8, next: UInt32)
        case split(UInt32, UInt32)
        case assertion(RegexAssertion, next: UInt32)
        case match
    }

    private(set) var instructions: [Instruction] = []
    private(set) var start: UInt32 = 0
    private(set) var hasAssertions = false

    /// - Throws: ``RegexError`` when it would take more than ``RegexLimits/instructions``.
    init(_ node: RegexNode) throws(RegexError) {
        let match = try emit(.match)
        start = try compile(node, next: match)
    }

    private mutating func emit(_ instruction: Instruction) throws(RegexError) -> UInt32 {
        guard instructions.count < RegexLimits.instructions else {
            throw RegexError("it is too large: shorten it or lower its repeat counts")
        }
        instructions.append(instruction)
        return UInt32(instructions.count - 1)
    }

    /// Instructions are made back to front: each knows where it goes on.
    private mutating func compile(_ node: RegexNode, next: UInt32) throws(RegexError) -> UInt32 {
        switch node {
        case .empty: return next
        case .scalars(let set): return try compile(set, next: next)
        case .concatenation(let parts):
            var entry = next
            for part in parts.reversed() { entry = try compile(part, next: entry) }
            return entry
        case .alternation(let branches):
            guard let last = branches.last else { return next }
            var entry = try compile(last, next: next)
            for branch in branches.dropLast().reversed() {
                entry = try emit(.split(try compile(branch, next: next), entry))
            }
            return entry
        case .repetition(let body, let minimum, let maximum):
            return try compile(body, minimum: minimum, maximum: maximum, next: next)
        case .assertion(let assertion):
            hasAssertions = true
            return try emit(.assertion(assertion, next: next))
        }
    }

    private mutating func compile(
        _ body: RegexNode, minimum: Int, maximum: Int?, next: UInt32
    ) throws(RegexError) -> UInt32 {
        var entry = next
        if let maximum {
            for _ in minimum..<max(minimum, maximum) {
                entry = try emit(.split(try compile(body, next: entry), next))
            }
        } else {
            let loop = try emit(.split(next, next))
            let bodyEntry = try compile(body, next: loop)
            instructions[Int(loop)] = .split(bodyEntry, next)
            entry = loop
        }
        for _ in 0..<minimum {
            let repeated = try compile(body, next: entry)
            // A body without instructions stays without them however often it is repeated.
            if repeated == entry { break }
            entry = repeated
        }
        return entry
    }

    private struct Suffix: Hashable {
        var low: UInt8
        var high: UInt8
        var next: UInt32
    }

    /// One path per sequence of byte ranges; equal tails of sequences are shared.
    private mutating func compile(_ set: ScalarSet, next: UInt32) throws(RegexError) -> UInt32 {
        var suffixes: [Suffix: UInt32] = [:]
        var entries: [UInt32] = []
        for sequence in UTF8Sequences.of(set) {
            var entry = next
            for range in sequence.reversed() {
                let suffix = Suffix(low: range.lowerBound, high: range.upperBound, next: entry)
                if let shared = suffixes[suffix] {
                    entry = shared
                } else {
                    entry = try emit(.byte(low: suffix.low, high: suffix.high, next: entry))
                    suffixes[suffix] = entry
                }
            }
            if !entries.contains(entry) { entries.append(entry) }
        }
        guard var entry = entries.last else {
            // An empty class: a byte range that no byte is in.
            return try emit(.byte(low: 1, high: 0, next: next))
        }
        for other in entries.dropLast().reversed() { entry = try emit(.split(other, entry)) }
        return entry
    }
}

/// Cuts ranges of scalars into sequences of byte ranges of their UTF-8 forms.
enum UTF8Sequences {
    static func of(_ set: ScalarSet) -> [[ClosedRange<UInt8>]] {
        var sequences: [[ClosedRange<UInt8>]] = []
        for range in set.ranges {
            // Surrogates have no UTF-8 form.
            append(range.lowerBound, min(range.upperBound, 0xD7FF), to: &sequences)
            append(max(range.lowerBound, 0xE000), range.upperBound, to: &sequences)
        }
        return sequences
    }

    private static func append(_ low: UInt32, _ high: UInt32, to sequences: inout [[ClosedRange<UInt8>]]) {
        guard low <= high else { return }
        // Both ends of a sequence must be of the same length …
        for limit: UInt32 in [0x7F, 0x7FF, 0xFFFF] where low <= limit && high > limit {
            append(low, limit, to: &sequences)
            append(limit + 1, high, to: &sequences)
            return
        }
        // … and cover whole ranges of continuation bytes.
        for shift: UInt32 in [6, 12, 18] where high > 0x7F {
            let mask: UInt32 = (1 << shift) - 1
            guard low & ~mask != high & ~mask else { continue }
            if low & mask != 0 {
                append(low, low | mask, to: &sequences)
                append((low | mask) + 1, high, to: &sequences)
                return
            }
            if high & mask != mask {
                append(low, (high & ~mask) - 1, to: &sequences)
                append(high & ~mask, high, to: &sequences)
                return
            }
        }
        sequences.append(zip(bytes(low), bytes(high)).map { $0...$1 })
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        Unicode.Scalar(value).map { Array(String($0).utf8) } ?? []
    }
}
