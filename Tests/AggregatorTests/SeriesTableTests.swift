import Testing

@testable import Aggregator

@Suite struct SeriesTableTests {
    private let kind = SeriesKind(.untimed, 1)

    private func find(_ table: SeriesTable, _ id: String, _ kind: SeriesKind) -> UInt32 {
        var id = id
        return id.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return table.find(kind, bytes, tag: table.tag(kind, bytes))
        }
    }

    private func insert(_ table: SeriesTable, _ id: String, _ kind: SeriesKind) -> UInt32? {
        var id = id
        return id.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return table.insert(kind, bytes, tag: table.tag(kind, bytes), now: 7)
        }
    }

    private func remove(_ table: SeriesTable, _ ref: UInt32) throws {
        let slot = try #require((0..<table.slotCount).first { table.recordInSlot($0) == ref })
        table.removeSlot(slot)
        table.release(ref)
    }

    @Test func keepsEverySeriesWhileItGrows() throws {
        let table = SeriesTable(seed: 1, capacity: 8)
        var refs: [UInt32] = []
        for index in 0..<5_000 { refs.append(try #require(insert(table, "series \(index)", kind))) }
        #expect(table.count == 5_000)
        #expect(table.slotCount * 7 >= table.count * 10)
        for index in 0..<5_000 {
            let isThere =
                find(table, "series \(index)", kind) == refs[index]
                && String(decoding: table.id(refs[index]), as: UTF8.self) == "series \(index)"
            #expect(isThere, "series \(index)")
        }
        #expect(find(table, "series 5000", kind) == 0)
    }

    @Test func kindsAreKeptApart() throws {
        let table = SeriesTable(seed: 1)
        let other = SeriesKind(.timed, 1)
        let ref = try #require(insert(table, "a", kind))
        #expect(find(table, "a", other) == 0)
        let timed = try #require(insert(table, "a", other))
        #expect(find(table, "a", kind) == ref)
        #expect(find(table, "a", other) == timed)
    }

    @Test func idsOfAnyLengthAreFound() throws {
        let table = SeriesTable(seed: 3)
        let lengths = [0, 1, 15, 16, 17, 500, 16_384, AggregatorLimits.greatestIDBytes]
        var refs: [UInt32] = []
        for length in lengths { refs.append(try #require(insert(table, String(repeating: "i", count: length), kind))) }
        for (length, ref) in zip(lengths, refs) {
            #expect(find(table, String(repeating: "i", count: length), kind) == ref)
            #expect(table.id(ref).count == length)
        }
    }

    /// Against a dictionary, with a table so full that series stand in each other's way.
    @Test(arguments: 1...5 as ClosedRange<UInt64>) func removalLeavesAllOthersInPlace(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let table = SeriesTable(seed: seed, capacity: 64)
        var model: [String: UInt32] = [:]
        let ids = (0..<60).map { "id\($0)" }
        for _ in 0..<1_500 {
            let id = ids[Int.random(in: 0..<60, using: &random)]
            if let ref = model[id] {
                try remove(table, ref)
                model[id] = nil
            } else if model.count < 44 {
                model[id] = try #require(insert(table, id, kind))
            }
            #expect(table.count == model.count)
            let wrong = ids.filter { find(table, $0, kind) != model[$0] ?? 0 }
            #expect(wrong.isEmpty)
        }
        #expect(table.slotCount == 64)
    }

    @Test func memoryOfRemovedSeriesIsUsedAgain() throws {
        let table = SeriesTable(seed: 1)
        var bytes: [Int] = []
        for _ in 0..<4 {
            let refs = try (0..<8_000).map {
                try #require(insert(table, "\($0) \(String(repeating: "x", count: $0 % 200))", kind))
            }
            bytes.append(table.bytes)
            for slot in 0..<table.slotCount {
                while table.recordInSlot(slot) != 0 { table.removeSlot(slot) }
            }
            for ref in refs { table.release(ref) }
            #expect(table.count == 0)
        }
        #expect(Set(bytes.dropFirst()).count == 1, "\(bytes)")
    }

    /// A freed record is cut down for a smaller one before the arena grows.
    @Test func largeFreeRecordsServeSmallOnes() throws {
        let arena = SeriesArena()
        let large = try (0..<60).map { _ in try #require(arena.allocate(units: 4_000)) }
        let chunks = arena.chunkCount
        for ref in large { arena.release(ref, units: 4_000) }
        var small: Set<UInt32> = []
        for _ in 0..<(60 * 4_000 / 5 - 100) { small.insert(try #require(arena.allocate(units: 5))) }
        #expect(small.count == 60 * 4_000 / 5 - 100)
        #expect(arena.chunkCount <= chunks + 1)
        #expect(!small.contains(0))
    }
}
