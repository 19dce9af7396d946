import Foundation
import Testing

@testable import NodeConfiguration

/// The reader on damaged and rearranged files, from fixed seeds: it never traps, always says why it refuses a file, and
/// what it takes can be dumped and read again.
@Suite struct FuzzTests {
    /// For each seed; `M3AGG_FUZZ_ITERATIONS` makes it more for a night's run.
    private static let iterations =
        ProcessInfo.processInfo.environment["M3AGG_FUZZ_ITERATIONS"].flatMap(Int.init) ?? 200

    @Test(arguments: [UInt64(1), 2, 3]) func files(_ seed: UInt64) throws {
        var mutator = ConfigurationMutator(
            seed: seed, files: try ["stock-raw-tcp.yml", "every-key.yml", "short.yml"].map(ConfigurationFixture.bytes))
        var taken = 0
        var refused = 0
        for _ in 0..<Self.iterations {
            let bytes = mutator.next()
            do {
                let loaded = try AggregatorConfiguration.read(
                    [("fuzz.yml", bytes)], environment: ["A": "1", "B": "x: [", "C": "\n\"", "NODE_NAME": "n"])
                taken += 1
                check(loaded.diagnostics, bytes)
                guard taken.isMultiple(of: 8) else { continue }
                let again = try AggregatorConfiguration.read(
                    [("dump.yml", Array(YAMLDump.text(loaded.values).utf8))], environment: [:])
                #expect(again.configuration == loaded.configuration, "\(String(decoding: bytes, as: UTF8.self))")
            } catch {
                refused += 1
                #expect(!error.errors.isEmpty && error.errors.allSatisfy { $0.file != "dump.yml" }, "\(error)")
                check(error.diagnostics, bytes)
            }
        }
        #expect(taken > 0 && refused > 0, "files of both kinds, \(taken) taken and \(refused) refused")
    }

    private func check(_ diagnostics: [Diagnostic], _ bytes: [UInt8]) {
        let lines = bytes.count { $0 == 0x0a || $0 == 0x0d || $0 == 0x85 || $0 == 0xa8 || $0 == 0xa9 } + 1
        for item in diagnostics {
            let isGood =
                !item.problem.isEmpty && (0...lines).contains(item.line) && (0...bytes.count + 1).contains(item.column)
            #expect(isGood, "\(item)")
        }
    }
}

/// Damages configuration files: bytes anywhere, whole lines doubled, moved, dropped and indented, and values that no
/// reader likes.
struct ConfigurationMutator {
    private var random: SplitMix64
    private let files: [[UInt8]]

    init(seed: UInt64, files: [[UInt8]]) {
        random = SplitMix64(seed: seed)
        self.files = files
    }

    private static let values = [
        "", "~", "null", "[]", "{}", "-1", "0", "1e309", "NaN", ".inf", "9223372036854775808", "-9223372036854775808",
        "99999999999999999999h", "9223372036854775807ns", "1h1h1h", "\"\\0\"", "*a", "&a x", "<<: *a", "!!binary x",
        "|",
        ">-", "%", "@", "`", "${A}", "${B}", "${C}", "${NO}", "${NO:}", "$$", "[[[[", "- - -", "? a", "ä\u{2028}ö",
        "true",
        "0x7fffffffffffffff", "1_000", "h:99999", "[::1]:1", "10s:2d", "P99", "shardset/%d/%d", "{a: b, a: c}",
    ]

    mutating func next() -> [UInt8] {
        var lines = (files.randomElement(using: &random) ?? []).split(
            separator: 0x0a, omittingEmptySubsequences: false
        ).map(Array.init)
        for _ in 0..<Int.random(in: 0...3, using: &random) { change(&lines) }
        var bytes = Array(lines.joined(separator: [0x0a]))
        if Int.random(in: 0..<3, using: &random) == 0 {
            for _ in 0..<Int.random(in: 1...4, using: &random) { damage(&bytes) }
        }
        return bytes
    }

    private mutating func change(_ lines: inout [[UInt8]]) {
        guard let at = lines.indices.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: lines.insert(lines[at], at: Int.random(in: 0...lines.count, using: &random))
        case 1: lines.remove(at: at)
        case 2: lines.swapAt(at, Int.random(in: 0..<lines.count, using: &random))
        case 3: lines[at] = Array(repeating: 0x20, count: Int.random(in: 0...6, using: &random)) + lines[at]
        default:
            guard let colon = lines[at].lastIndex(of: UInt8(ascii: ":")) else { return }
            let value = Self.values.randomElement(using: &random) ?? ""
            lines[at] = Array(lines[at][...colon]) + Array(" \(value)".utf8)
        }
    }

    private mutating func damage(_ bytes: inout [UInt8]) {
        guard let at = bytes.indices.randomElement(using: &random) else { return }
        let interesting = Array(":-[]{}#&*!|>'\"%@`$, \n\t\r\0".utf8) + [0x80, 0xc2, 0xff]
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[at] = interesting.randomElement(using: &random) ?? 0
        case 2: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: at)
        case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...8, using: &random)))
        default:
            let end = min(bytes.count, at + Int.random(in: 1...64, using: &random))
            bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
        }
    }
}

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
