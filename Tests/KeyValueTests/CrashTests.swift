import Foundation
import TestKit
import Testing

@testable import KeyValue

/// What a log that a crash or a bad disk left behind becomes.
@Suite struct CrashTests {
    /// A log of seven changes and the table after each of them, the empty one first.
    private static func sample() throws -> (log: [UInt8], ends: [Int], tables: [[String: VersionedValue]]) {
        var log = LogFile.magic
        var table = KeyTable()
        var ends = [log.count]
        var tables = [table.values]
        let changes: [(String, [UInt8]?)] = [
            ("a", [1]), ("b", Array(repeating: 2, count: 40)), ("a", []), ("c", [3]), ("b", nil), ("c", [4, 5]),
            ("b", [6]),
        ]
        for (key, value) in changes {
            let record =
                if let value { try table.planPut(key, value, if: .none) } else { try table.planDelete(key).record }
            record.append(to: &log)
            table.apply(record)
            ends.append(log.count)
            tables.append(table.values)
        }
        return (log, ends, tables)
    }

    private static func open(_ log: [UInt8], in directory: TemporaryDirectory) throws -> EmbeddedStore {
        try Data(log).write(to: directory.url.appendingPathComponent("kv.log"))
        return try EmbeddedStore(directory: directory.url.path)
    }

    private static func content(_ store: EmbeddedStore) async -> [String: VersionedValue] {
        var content: [String: VersionedValue] = [:]
        for key in ["a", "b", "c"] { content[key] = try? await store.get(key) }
        return content
    }

    @Test func aLogCutAnywhereGivesTheChangesThatWereWholeAndGoesOn() async throws {
        let (log, ends, tables) = try Self.sample()
        let directory = try TemporaryDirectory("kv")
        for cut in 0...log.count {
            let store = try Self.open(Array(log[..<cut]), in: directory)
            let whole = max(0, ends.count { $0 <= cut } - 1)
            #expect(await Self.content(store) == tables[whole], "cut at \(cut)")
            try await store.set("new", [9])
            await store.close()

            let again = try EmbeddedStore(directory: directory.url.path)
            #expect(await Self.content(again) == tables[whole], "cut at \(cut), opened again")
            #expect(try await again.get("new").bytes == [9])
            await again.close()
        }
    }

    @Test func zerosBehindTheLastChangeAreATornTail() async throws {
        let (log, _, tables) = try Self.sample()
        let directory = try TemporaryDirectory("kv")
        let store = try Self.open(log + [UInt8](repeating: 0, count: 4096), in: directory)
        #expect(await Self.content(store) == tables.last)
        #expect(await store.logBytes == log.count)
        await store.close()
    }

    @Test func aDamagedByteBeforeGoodChangesIsAnErrorThatNamesThePlace() throws {
        let (log, ends, _) = try Self.sample()
        let lastStart = ends[ends.count - 2]
        for damaged in 0..<lastStart {
            var bytes = log
            bytes[damaged] ^= 0x40
            let error = #expect(throws: KeyValueError.self) { _ = try LogFile.scan(bytes, path: "/data/kv.log") }
            guard case .corrupted("/data/kv.log", let offset, _) = error else {
                Issue.record("damage at \(damaged) gave \(String(describing: error))")
                continue
            }
            let expected = damaged < LogFile.magic.count ? 0 : ends.last { $0 <= damaged }
            #expect(offset == expected)
        }
    }

    @Test func aCorruptedLogIsLeftAsItIs() throws {
        var (log, _, _) = try Self.sample()
        log[20] ^= 1
        let directory = try TemporaryDirectory("kv")
        #expect(throws: KeyValueError.self) { _ = try Self.open(log, in: directory) }
        #expect(try Data(contentsOf: directory.url.appendingPathComponent("kv.log")) == Data(log))
        // The failed start does not keep the directory.
        try Data(LogFile.magic).write(to: directory.url.appendingPathComponent("kv.log"))
        _ = try EmbeddedStore(directory: directory.url.path)
    }

    @Test func aDamagedLastChangeCountsAsTorn() throws {
        let (log, ends, _) = try Self.sample()
        let lastStart = ends[ends.count - 2]
        for damaged in lastStart..<log.count {
            var bytes = log
            bytes[damaged] ^= 0x40
            let (records, end) = try LogFile.scan(bytes, path: "log")
            #expect(records.count == 6)
            #expect(end == lastStart)
        }
    }

    /// Random changes against a dictionary, with the store opened anew in between.
    @Test(arguments: [1, 2, 3]) func randomChangesAgreeWithADictionary(seed: UInt64) async throws {
        var random = SplitMix(state: seed)
        let directory = try TemporaryDirectory("kv")
        var store = try EmbeddedStore(directory: directory.url.path, minCompactionBytes: 2048)
        var model: [String: (bytes: [UInt8], version: Int64)] = [:]
        for step in 0..<600 {
            let key = "key\(random.next() % 12)"
            switch random.next() % 10 {
            case 0 where model[key] != nil:
                try await store.delete(key)
                model[key] = nil
            case 1:
                await store.close()
                store = try EmbeddedStore(directory: directory.url.path, minCompactionBytes: 2048)
            default:
                let bytes = [UInt8](repeating: UInt8(step % 256), count: Int(random.next() % 80))
                let version = try await store.checkAndSet(key, version: model[key]?.version ?? 0, bytes)
                model[key] = (bytes, (model[key]?.version ?? 0) + 1)
                #expect(version == model[key]?.version)
            }
            let stored = try? await store.get(key)
            #expect(stored?.bytes == model[key]?.bytes)
            #expect(stored?.version == model[key]?.version)
        }
        await store.close()
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
