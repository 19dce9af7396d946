/// A deterministic source of random numbers (SplitMix64, Sebastiano Vigna, public domain).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Makes damaged and rearranged messages out of good ones: bytes changed anywhere, or whole fields doubled, moved, dropped and
/// inserted at any depth with the lengths around them put right, which is what gets past the outermost layer.
struct Mutator {
    private var random: SplitMix64
    private let corpus: [[UInt8]]

    init(seed: UInt64, corpus: [[UInt8]]) {
        random = SplitMix64(seed: seed)
        self.corpus = corpus
    }

    mutating func pick() -> [UInt8] { corpus.randomElement(using: &random) ?? [] }

    mutating func next() -> [UInt8] {
        var message = pick()
        if Int.random(in: 0..<3, using: &random) > 0 {
            var tree = FieldTree(message, depth: 0)
            for _ in 0..<Int.random(in: 1...3, using: &random) { tree?.mutate(&random) }
            if let tree { message = tree.encoded() }
            if Bool.random(using: &random) { return message }
        }
        for _ in 0..<Int.random(in: 1...4, using: &random) { damage(&message) }
        return message
    }

    private mutating func damage(_ message: inout [UInt8]) {
        guard !message.isEmpty else { return }
        let at = Int.random(in: 0..<message.count, using: &random)
        let interesting: [UInt8] = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x08]
        switch Int.random(in: 0..<7, using: &random) {
        case 0: message[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: message[at] = UInt8.random(in: 0...255, using: &random)
        case 2: message[at] = interesting.randomElement(using: &random) ?? 0
        case 3: message.insert(interesting.randomElement(using: &random) ?? 0, at: at)
        case 4: message.removeSubrange(at..<min(message.count, at + Int.random(in: 1...8, using: &random)))
        case 5: message.removeSubrange(at...)
        default:
            let end = min(message.count, at + Int.random(in: 1...32, using: &random))
            message.insert(contentsOf: message[at..<end], at: Int.random(in: 0...message.count, using: &random))
        }
    }
}

/// The fields of a message as far as they can be guessed without a schema.
struct FieldTree {
    private enum Value {
        case varint(UInt64)
        case fixed([UInt8])
        case bytes([UInt8])
        case message(FieldTree)
    }

    private struct Field {
        var tag: UInt64
        var value: Value
    }

    private var fields: [Field] = []

    /// Nil when the bytes are no message.
    init?(_ bytes: [UInt8], depth: Int) {
        var offset = 0
        while offset < bytes.count {
            guard let tag = Self.varint(bytes, &offset), tag >= 8 else { return nil }
            switch tag & 7 {
            case 0:
                guard let value = Self.varint(bytes, &offset) else { return nil }
                fields.append(Field(tag: tag, value: .varint(value)))
            case 1, 5:
                let count = tag & 7 == 1 ? 8 : 4
                guard bytes.count - offset >= count else { return nil }
                fields.append(Field(tag: tag, value: .fixed(Array(bytes[offset..<offset + count]))))
                offset += count
            case 2:
                guard let length = Self.varint(bytes, &offset), length <= bytes.count - offset else { return nil }
                let contents = Array(bytes[offset..<offset + Int(length)])
                offset += contents.count
                if depth < 7, let tree = FieldTree(contents, depth: depth + 1) {
                    fields.append(Field(tag: tag, value: .message(tree)))
                } else {
                    fields.append(Field(tag: tag, value: .bytes(contents)))
                }
            default: return nil
            }
        }
    }

    private static func varint(_ bytes: [UInt8], _ offset: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        for field in fields {
            Self.append(field.tag, to: &bytes)
            switch field.value {
            case .varint(let value): Self.append(value, to: &bytes)
            case .fixed(let contents): bytes += contents
            case .bytes(let contents):
                Self.append(UInt64(contents.count), to: &bytes)
                bytes += contents
            case .message(let tree):
                let contents = tree.encoded()
                Self.append(UInt64(contents.count), to: &bytes)
                bytes += contents
            }
        }
        return bytes
    }

    /// Changes one thing at a random depth.
    mutating func mutate(_ random: inout SplitMix64) {
        if let at = fields.indices.randomElement(using: &random), case .message(var tree) = fields[at].value,
            Int.random(in: 0..<4, using: &random) > 0
        {
            tree.mutate(&random)
            fields[at].value = .message(tree)
            return
        }
        let unknown = Field(
            tag: UInt64.random(in: 9...3_000, using: &random) << 3,
            value: .varint(UInt64.random(in: 0...300, using: &random)))
        guard let at = fields.indices.randomElement(using: &random) else {
            fields.append(unknown)
            return
        }
        switch Int.random(in: 0..<7, using: &random) {
        case 0: fields.insert(fields[at], at: Int.random(in: 0...fields.count, using: &random))
        case 1: fields.swapAt(at, Int.random(in: 0..<fields.count, using: &random))
        case 2: fields.remove(at: at)
        case 3: fields.insert(unknown, at: at)
        case 4: unpack(at)
        case 5: fields[at].tag = UInt64.random(in: 1...9, using: &random) << 3 | fields[at].tag & 7
        default: change(at, &random)
        }
    }

    /// Takes a packed list of doubles apart, one field for each.
    private mutating func unpack(_ at: Int) {
        guard case .bytes(let contents) = fields[at].value, contents.count.isMultiple(of: 8) else { return }
        let tag = fields[at].tag & ~7 | 1
        let singles = stride(from: 0, to: contents.count, by: 8).map {
            Field(tag: tag, value: .fixed(Array(contents[$0..<$0 + 8])))
        }
        fields.replaceSubrange(at...at, with: singles)
    }

    private mutating func change(_ at: Int, _ random: inout SplitMix64) {
        switch fields[at].value {
        // Never to zero, which no encoder writes: see the test of what the reference codec makes of it.
        case .varint:
            fields[at].value = .varint(
                UInt64.random(in: 1...UInt64.max, using: &random) >> UInt64.random(in: 0...62, using: &random) | 1)
        case .fixed(let contents):
            fields[at].value = .fixed(contents.map { _ in UInt8.random(in: 1...255, using: &random) })
        case .bytes(let contents):
            fields[at].value = .bytes(contents + contents.prefix(Int.random(in: 0...8, using: &random)))
        case .message(let tree): fields[at].value = .bytes(tree.encoded().reversed())
        }
    }
}
