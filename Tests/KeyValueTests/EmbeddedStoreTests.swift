import Foundation
import TestKit
import Testing

@testable import KeyValue

@Suite struct EmbeddedStoreTests {
    @Test func checksumIsCastagnolis() {
        #expect(CRC32C.checksum(Array("123456789".utf8)[...]) == 0xE306_9283)
        #expect(CRC32C.checksum([]) == 0)
    }

    @Test func valuesVersionsAndRevisionsOutliveTheProcess() async throws {
        let directory = try TemporaryDirectory("kv")
        let first = try EmbeddedStore(directory: directory.path("deep/er"))
        try await first.set("a", [1])
        try await first.set("a", [2])
        try await first.set("gone", [3])
        try await first.delete("gone")
        let a = try await first.get("a")
        await first.close()

        let second = try EmbeddedStore(directory: directory.path("deep/er"))
        #expect(try await second.get("a") == a)
        await #expect(throws: KeyValueError.notFound(key: "gone")) { try await second.get("gone") }
        #expect(try await second.set("a", [4]) == 3)
        #expect(try await second.get("a").revision == 5)
        await second.close()
    }

    @Test func oneHolderOfTheDirectoryAtATime() async throws {
        let directory = try TemporaryDirectory("kv")
        let first = try EmbeddedStore(directory: directory.url.path)
        #expect(throws: KeyValueError.locked(directory: directory.url.path)) {
            _ = try EmbeddedStore(directory: directory.url.path)
        }
        await first.close()
        let second = try EmbeddedStore(directory: directory.url.path)
        await second.close()
    }

    @Test func aClosedStoreSaysSoAndEndsItsWatches() async throws {
        let directory = try TemporaryDirectory("kv")
        let store = try EmbeddedStore(directory: directory.url.path)
        try await store.set("a", [1])
        var watch = try await store.watch("a").makeAsyncIterator()
        #expect(await watch.next()??.bytes == [1])
        await store.close()
        #expect(await watch.next() == .none)
        await #expect(throws: KeyValueError.closed) { try await store.get("a") }
        await #expect(throws: KeyValueError.closed) { try await store.set("a", [1]) }
        await #expect(throws: KeyValueError.closed) { try await store.delete("a") }
        await #expect(throws: KeyValueError.closed) { try await store.watch("a") }
    }

    @Test func aReaderThatStopsIsForgotten() async throws {
        let directory = try TemporaryDirectory("kv")
        let store = try EmbeddedStore(directory: directory.url.path)
        let reader = Task {
            for await _ in try await store.watch("a") {}
        }
        _ = try await poll("the watch is there") { await store.watcherCount == 1 ? true : nil }
        reader.cancel()
        _ = try await poll("the watch is gone") { await store.watcherCount == 0 ? true : nil }
        await store.close()
    }

    @Test func anUnusableDirectoryIsAnError() throws {
        let directory = try TemporaryDirectory("kv")
        let file = try directory.write("x", to: "file")
        let error = #expect(throws: KeyValueError.self) { _ = try EmbeddedStore(directory: file + "/kv") }
        guard case .unavailable(let reason) = error else {
            Issue.record("got \(String(describing: error))")
            return
        }
        #expect(reason.contains(file))
    }

    @Test func compactionKeepsTheLogShortAndTheContentWhole() async throws {
        let directory = try TemporaryDirectory("kv")
        let store = try EmbeddedStore(directory: directory.url.path, minCompactionBytes: 4096)
        let value = [UInt8](repeating: 5, count: 100)
        try await store.set("kept", [1])
        for _ in 0..<500 { try await store.set("busy", value) }
        try await store.set("deleted", [2])
        try await store.delete("deleted")
        #expect(await store.logBytes < 3 * 4096)
        let busy = try await store.get("busy")
        #expect(busy.version == 500)
        await store.close()

        try Data("left over by a crash".utf8).write(to: directory.url.appendingPathComponent("kv.log.new"))
        let again = try EmbeddedStore(directory: directory.url.path)
        #expect(try await again.get("busy") == busy)
        #expect(try await again.get("kept").version == 1)
        try await again.set("new", [1])
        #expect(try await again.get("new").revision == 504)
        #expect(!FileManager.default.fileExists(atPath: directory.path("kv.log.new")))
        await again.close()
    }

    /// Revisions never go back, even when compaction forgets the key that had the highest.
    @Test func compactionKeepsTheRevisionOfDeletedKeys() throws {
        var table = KeyTable()
        table.apply(try table.planPut("a", [1], if: .none))
        table.apply(try table.planDelete("a").record)
        let (records, _) = try LogFile.scan(LogFile.magic + table.compacted(), path: "log")
        var restored = KeyTable()
        for record in records { restored.apply(record) }
        #expect(restored.revision == 2)
        #expect(restored.values.isEmpty)
        #expect(restored.liveBytes == 0)
    }

    @Test func theNumberOfKeysAndBytesIsLimited() throws {
        var table = KeyTable()
        for index in 0..<EmbeddedStore.maxKeys { table.apply(try table.planPut("\(index)", [], if: .none)) }
        #expect(throws: KeyValueError.storeFull(what: "the number of keys", limit: EmbeddedStore.maxKeys)) {
            _ = try table.planPut("one more", [], if: .none)
        }
        _ = try table.planPut("7", [1], if: .none)

        var large = KeyTable()
        let value = [UInt8](repeating: 0, count: KeyValueLimits.maxValueBytes)
        for index in 0..<63 { large.apply(try large.planPut("\(index)", value, if: .none)) }
        #expect(throws: KeyValueError.self) { _ = try large.planPut("63", value, if: .none) }
        #expect(large.liveBytes <= EmbeddedStore.maxLiveBytes)
        // A replacement of the same size needs no room beyond what it frees.
        large.apply(try large.planPut("0", value, if: .none))
        large.apply(try large.planDelete("0").record)
        large.apply(try large.planPut("63", value, if: .none))
    }
}
