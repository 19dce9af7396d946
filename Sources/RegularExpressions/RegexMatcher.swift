/// Runs a ``RegexProgram`` as a deterministic automaton whose states are made when they are first met.
///
/// The time is linear in the text, whatever the pattern. One instance per evaluation: it is not shared by threads.
struct RegexMatcher {
    private struct Key: Hashable {
        var kernel: [UInt32]
        var context: UInt8
    }

    private static let unknown: Int32 = -1
    private static let dead: Int32 = 0
    /// One column per byte, and one for the end of the text (its entries are 0 or 1: no match, match).
    private static let columns = 257
    private static let endColumn = 256

    /// What stood before the current place: bits of a context.
    private static let atStart: UInt8 = 1
    private static let afterWord: UInt8 = 2
    private static let afterNewline: UInt8 = 4

    private let program: RegexProgram
    private var states: [Key] = []
    private var indexes: [Key: Int32] = [:]
    private var transitions: [Int32] = []
    private var start: Int32 = 0
    private var marks: [UInt32]
    private var mark: UInt32 = 0
    private var stack: [UInt32] = []

    init(_ program: RegexProgram) {
        self.program = program
        marks = Array(repeating: 0, count: program.instructions.count)
        reset()
    }

    /// Whether the whole text matches.
    mutating func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        var state = start
        for byte in text {
            var next = transitions[Int(state) &* Self.columns &+ Int(byte)]
            if next == Self.unknown { next = makeTransition(from: state, on: byte) }
            if next == Self.dead { return false }
            state = next
        }
        let column = Int(state) &* Self.columns &+ Self.endColumn
        if transitions[column] == Self.unknown {
            transitions[column] = isAccepting(states[Int(state)]) ? 1 : 0
        }
        return transitions[column] == 1
    }

    private mutating func reset() {
        states.removeAll(keepingCapacity: true)
        indexes.removeAll(keepingCapacity: true)
        transitions.removeAll(keepingCapacity: true)
        _ = index(of: Key(kernel: [], context: 0))
        start = index(of: Key(kernel: [program.start], context: program.hasAssertions ? Self.atStart : 0))
    }

    private mutating func index(of key: Key) -> Int32 {
        if let index = indexes[key] { return index }
        let index = Int32(truncatingIfNeeded: states.count)
        states.append(key)
        indexes[key] = index
        transitions.append(contentsOf: repeatElement(Self.unknown, count: Self.columns))
        return index
    }

    private mutating func makeTransition(from state: Int32, on byte: UInt8) -> Int32 {
        let key = states[Int(state)]
        var kernel: [UInt32] = []
        forEachReachable(from: key, next: byte) { instruction in
            if case .byte(let low, let high, let next) = instruction, low <= byte, byte <= high {
                kernel.append(next)
            }
        }
        kernel.sort()
        var unique: [UInt32] = []
        for pc in kernel where unique.last != pc { unique.append(pc) }
        guard !unique.isEmpty else {
            transitions[Int(state) &* Self.columns &+ Int(byte)] = Self.dead
            return Self.dead
        }
        var context: UInt8 = 0
        if program.hasAssertions {
            if Self.isWord(byte) { context |= Self.afterWord }
            if byte == 0x0A { context |= Self.afterNewline }
        }
        let next = Key(kernel: unique, context: context)
        if states.count >= RegexLimits.states, indexes[next] == nil {
            reset()
            return index(of: next)
        }
        let index = index(of: next)
        transitions[Int(state) &* Self.columns &+ Int(byte)] = index
        return index
    }

    private mutating func isAccepting(_ key: Key) -> Bool {
        var accepts = false
        forEachReachable(from: key, next: nil) { if case .match = $0 { accepts = true } }
        return accepts
    }

    /// Visits the instructions that are reached without taking a byte, given what stands before and after.
    private mutating func forEachReachable(
        from key: Key, next: UInt8?, _ body: (RegexProgram.Instruction) -> Void
    ) {
        mark &+= 1
        if mark == 0 {
            for index in marks.indices { marks[index] = 0 }
            mark = 1
        }
        stack.removeAll(keepingCapacity: true)
        stack.append(contentsOf: key.kernel)
        while let pc = stack.popLast() {
            guard marks[Int(pc)] != mark else { continue }
            marks[Int(pc)] = mark
            let instruction = program.instructions[Int(pc)]
            switch instruction {
            case .split(let first, let second):
                stack.append(first)
                stack.append(second)
            case .assertion(let assertion, let target):
                if Self.holds(assertion, context: key.context, next: next) { stack.append(target) }
            case .byte, .match: body(instruction)
            }
        }
    }

    private static func holds(_ assertion: RegexAssertion, context: UInt8, next: UInt8?) -> Bool {
        switch assertion {
        case .textStart: return context & atStart != 0
        case .textEnd: return next == nil
        case .lineStart: return context & (atStart | afterNewline) != 0
        case .lineEnd: return next == nil || next == 0x0A
        case .wordBoundary, .notWordBoundary:
            let isBoundary = (context & afterWord != 0) != (next.map(isWord) ?? false)
            return isBoundary == (assertion == .wordBoundary)
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
        default: false
        }
    }
}
