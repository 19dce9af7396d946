import Metrics
import Testing
import WireFormat

@testable import Aggregator

@Suite struct MetadataTableTests {
    private func intern(
        _ table: inout MetadataTable, _ bytes: [UInt8], _ kind: PayloadKind = .counter,
        _ limits: AggregatorLimits = AggregatorLimits()
    ) throws -> UInt32 {
        try bytes.withUnsafeBytes { try table.intern(kind, $0, limits: limits) }
    }

    private func metadata(_ cutover: Int64) throws -> [UInt8] {
        var stages = try MetadataText.staged("Sum")
        stages[0].cutoverNanos = cutover
        return MetadataCodec.encode(stages)
    }

    @Test func equalBytesAreOneEntry() throws {
        var table = MetadataTable()
        let bytes = try metadata(5)
        let index = try intern(&table, bytes)
        #expect(index != 0)
        #expect(try intern(&table, bytes) == index)
        #expect(try intern(&table, metadata(6)) != index)
        #expect(table.count == 2)
        #expect(bytes.withUnsafeBytes { table.matches(index, $0) })
        #expect(try metadata(6).withUnsafeBytes { !table.matches(index, $0) })
        #expect(bytes.withUnsafeBytes { !table.matches(0, $0) })
        #expect(table.hot[Int(index)].cutover == 5)
    }

    @Test func unusedEntriesAreForgottenAndTheirPlacesUsedAgain() throws {
        var table = MetadataTable()
        let kept = try intern(&table, try metadata(-1))
        table.retain(kept)
        var most = 0
        for cutover in 0..<40_000 as Range<Int64> {
            let index = try intern(&table, try metadata(cutover))
            table.retain(index)
            table.release(index)
            most = max(most, table.count)
        }
        #expect(most < 20_000)
        #expect(table.entries.count < 20_000)
        #expect(try intern(&table, try metadata(-1)) == kept)
        #expect(table.entries[Int(kept)]?.users == 1)
    }

    @Test func limitsAndBadBytesAreRefusedByName() throws {
        var table = MetadataTable()
        var limits = AggregatorLimits()
        limits.maxMetadatas = 1
        limits.maxMetadataBytes = 100
        #expect(throws: DropReason.badMetadata) { try intern(&table, [0xff], .counter, limits) }
        #expect(throws: DropReason.badMetadata) { try intern(&table, [], .timedWithMetadata, limits) }
        #expect(throws: DropReason.metadataTooLong) {
            try intern(&table, Array(repeating: 0, count: 101), .counter, limits)
        }
        _ = try intern(&table, try metadata(1), .counter, limits)
        #expect(throws: DropReason.metadataLimit) { try intern(&table, try metadata(2), .counter, limits) }
        #expect(table.count == 1)
    }

    @Test func theLastStageWhoseCutoverHasPassedIsInForce() throws {
        var table = MetadataTable()
        let stages = try MetadataText.staged("cutover 10 Sum ; cutover 20 Max ; cutover 15 Min")
        let index = try intern(&table, MetadataCodec.encode(stages))
        let entry = try #require(table.entries[Int(index)])
        let second: Int64 = 1_000_000_000
        #expect(entry.activeStage(10 * second - 1) == nil)
        #expect(entry.activeStage(10 * second) == 0)
        #expect(entry.activeStage(15 * second) == 2)
        #expect(entry.activeStage(25 * second) == 2)
        #expect(table.hot[Int(index)].cutover == .max)
    }

    @Test func rollupTargetsLiveAsLongAsTheyAreUsed() {
        var table = RollupTargetTable()
        func target(_ id: UInt8) -> RollupTarget {
            RollupTarget(id: [id], aggregationID: .default, remainder: AppliedPipeline())
        }
        let first = table.intern(target(1))
        #expect(table.intern(target(1)) == first)
        let second = table.intern(target(2))
        #expect(first != 0 && second != 0 && first != second)
        table.retain(first)
        for _ in 0..<2 {
            table.release(first)
            #expect(table[first] == target(1))
        }
        table.release(first)
        #expect(table[first] == nil)
        #expect(table.count == 1)
        #expect(table.intern(target(3)) == first)
        #expect(table[second] == target(2))
    }
}
