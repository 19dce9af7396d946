import AggregatorExamples
import Metrics
import Testing
import WireFormat

@testable import Aggregator

@Suite struct MetadataTableTests {
    private func intern(
        _ table: MetadataTable, _ bytes: [UInt8], _ form: MetadataForm = .staged,
        _ limits: AggregatorLimits = AggregatorLimits()
    ) throws -> UInt32 {
        try bytes.withUnsafeBytes { try table.intern(form, $0, limits: limits) }
    }

    private func metadata(_ cutover: Int64) throws -> [UInt8] {
        var stages = try MetadataText.staged("Sum")
        stages[0].cutoverNanos = cutover
        return MetadataCodec.encode(stages)
    }

    private func isCurrent(
        _ table: MetadataTable, _ number: UInt32, _ bytes: [UInt8], _ form: MetadataForm = .staged, at now: Int64
    ) -> Bool {
        bytes.withUnsafeBytes { table.isCurrent(number, stage: 0, form, $0, now) }
    }

    @Test func equalBytesAreOneEntry() throws {
        let table = MetadataTable(seed: 1)
        let bytes = try metadata(5)
        let number = try intern(table, bytes)
        #expect(number != 0)
        #expect(try intern(table, bytes) == number)
        #expect(try intern(table, metadata(6)) != number)
        #expect(table.count == 2)
    }

    @Test func theFastPathKnowsAnEntryFromItsCutoverOn() throws {
        let table = MetadataTable(seed: 1)
        let bytes = try metadata(5)
        let number = try intern(table, bytes)
        #expect(!isCurrent(table, number, bytes, at: 5))
        #expect(table.activate(number, at: 4) == nil)
        #expect(table.activate(number, at: 5) == 0)
        #expect(isCurrent(table, number, bytes, at: 5))
        #expect(!isCurrent(table, number, bytes, at: 4))
        #expect(!isCurrent(table, number, try metadata(6), at: 5))
        #expect(!isCurrent(table, number, bytes, .timed, at: 5))
        #expect(!isCurrent(table, 0, [], at: 5))
    }

    @Test func unusedEntriesAreForgottenAndTheirPlacesUsedAgain() throws {
        let table = MetadataTable(seed: 1)
        var forgotten = 0
        table.onForget = { _ in forgotten += 1 }
        let kept = try intern(table, try metadata(-1))
        table.retain(kept)
        var greatest: UInt32 = 0
        for cutover in 0..<40_000 as Range<Int64> {
            let number = try intern(table, try metadata(cutover))
            table.retain(number)
            table.release(number)
            greatest = max(greatest, number)
        }
        #expect(table.count == MetadataTable.maxIdle + 1)
        #expect(forgotten == 40_000 - MetadataTable.maxIdle)
        #expect(greatest < 20_000)
        #expect(try intern(table, try metadata(-1)) == kept)
        #expect(table[kept]?.holders == 1)
    }

    /// Series that alternate between two metadatas do not have them decoded each time.
    @Test func anEntryThatIsHeldAgainStays() throws {
        let table = MetadataTable(seed: 1)
        let first = try intern(table, try metadata(1))
        for _ in 0..<3 {
            table.retain(first)
            table.release(first)
            #expect(try intern(table, try metadata(1)) == first)
        }
        table.retain(first)
        for cutover in 2..<20_000 as Range<Int64> {
            let number = try intern(table, try metadata(cutover))
            table.retain(number)
            table.release(number)
        }
        #expect(try intern(table, try metadata(1)) == first)
    }

    @Test func limitsAndBadBytesAreRefusedByName() throws {
        let table = MetadataTable(seed: 1)
        var limits = AggregatorLimits()
        limits.maxMetadatas = 1
        limits.maxMetadataBytes = 100
        #expect(throws: DropReason.badMetadata) { try intern(table, [0xff], .staged, limits) }
        #expect(throws: DropReason.badMetadata) { try intern(table, [], .timed, limits) }
        #expect(throws: DropReason.metadataTooLong) {
            try intern(table, Array(repeating: 0, count: 101), .staged, limits)
        }
        let first = try intern(table, try metadata(1), .staged, limits)
        table.retain(first)
        #expect(throws: DropReason.metadataLimit) { try intern(table, try metadata(2), .staged, limits) }
        #expect(table.count == 1)
        // What nobody holds makes room.
        table.release(first)
        _ = try intern(table, try metadata(2), .staged, limits)
        #expect(table.count == 1)
    }

    @Test func theLastStageWhoseCutoverHasPassedIsInForce() throws {
        let table = MetadataTable(seed: 1)
        let stages = try MetadataText.staged("cutover 10 Sum ; cutover 20 Max ; cutover 15 Min")
        let entry = try #require(table[try intern(table, MetadataCodec.encode(stages))])
        let second: Int64 = 1_000_000_000
        #expect(entry.activeStage(at: 10 * second - 1) == nil)
        let first = try #require(entry.activeStage(at: 10 * second))
        #expect(first == (0, 10 * second, 15 * second))
        let last = try #require(entry.activeStage(at: 15 * second))
        #expect(last == (2, 15 * second, .max))
        #expect(entry.activeStage(at: 25 * second)?.stage == 2)
    }
}

@Suite struct ReferencedTableTests {
    @Test func valuesLiveAsLongAsTheyAreHeld() {
        var table = ReferencedTable<String, Int>()
        let first = table.add("a", 1)
        let second = table.add("b", 2)
        #expect(first != second)
        #expect(table.number(of: "a") == first)
        for _ in 0..<3 { table.retain(first) }
        for _ in 0..<2 {
            table.release(first)
            #expect(table[first] == 1)
        }
        table.release(first)
        #expect(table[first] == nil)
        #expect(table.number(of: "a") == nil)
        #expect(table.count == 1)
        #expect(table.add("c", 3) == first)
        #expect(table[second] == 2)
    }
}
