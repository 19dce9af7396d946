import Aggregator
import Cluster
import Testing

@testable import Services

/// What a leader writes: what was acknowledged, of all lists.
struct FlushTimesTests {
    private func list(_ shard: UInt32, _ kind: ListKind = .standard, forwards: Int32 = 0) -> ListID {
        ListID(shard: shard, kind: kind, resolutionNanos: 10 * second, numForwardedTimes: forwards)
    }

    private func at(_ nanos: Int64) -> [FlushTime] { [FlushTime(list: list(1), lastFlushedNanos: nanos)] }

    @Test func acknowledgementsMoveTheTimesInTheOrderOfTheFlushes() {
        var acks = AckTracker(at(0))
        acks.beginRound()
        let first = [acks.batchBegan(), acks.batchBegan()]
        acks.endRound(at(10))
        acks.beginRound()
        let second = acks.batchBegan()
        acks.endRound(at(20))
        #expect(acks.acked == at(0) && acks.openBatches == 3)
        acks.batchEnded(round: second)
        #expect(acks.acked == at(0))
        acks.batchEnded(round: first[0])
        acks.batchEnded(round: first[1])
        #expect(acks.acked == at(20) && acks.openBatches == 0)
        // A flush without output needs no acknowledgement.
        acks.beginRound()
        acks.endRound(at(30))
        #expect(acks.acked == at(30))
    }

    @Test func aFlushThatWaitsForRoomIsNotOverBeforeItsLastList() {
        var acks = AckTracker(at(0))
        acks.beginRound()
        acks.batchEnded(round: acks.batchBegan())
        #expect(acks.isRoundOpen && acks.acked == at(0))
        acks.beginRound()
        acks.batchEnded(round: acks.batchBegan())
        acks.endRound(at(10))
        #expect(acks.acked == at(10))
    }

    @Test func batchesOfAnEarlierLeadershipCountNoMore() {
        var acks = AckTracker(at(0))
        let old = acks.batchBegan()
        acks.endRound(at(10))
        acks.restart(at(5))
        let new = acks.batchBegan()
        acks.endRound(at(15))
        acks.batchEnded(round: old)
        #expect(acks.acked == at(5))
        acks.batchEnded(round: new)
        #expect(acks.acked == at(15))
    }

    @Test func aStallHoldsTheTimesBackForTheBufferAndNoLonger() {
        var acks = AckTracker(at(100 * second))
        _ = acks.batchBegan()
        acks.endRound(at(110 * second))
        #expect(acks.persistable(maxBufferNanos: 300 * second) == at(100 * second))
        for round in 0..<2_000 {
            acks.beginRound()
            _ = acks.batchBegan()
            acks.endRound(at((120 + Int64(round)) * second))
        }
        #expect(acks.persistable(maxBufferNanos: 300 * second) == at(1_819 * second))
        #expect(acks.openBatches == 2_001)
    }

    @Test func allListsAreNamedAndShardsWithoutListsMarked() throws {
        var ledger = FlushTimesLedger()
        let lists = [
            FlushTime(list: list(1), lastFlushedNanos: 10), FlushTime(list: list(2, .timed), lastFlushedNanos: 0),
            FlushTime(list: list(2, .forwarded, forwards: 1), lastFlushedNanos: 30),
        ]
        let first = ledger.update(lists)
        #expect(first.byShard[1]?.standard == [10 * second: 10])
        #expect(first.byShard[2]?.timed == [10 * second: 0])
        #expect(first.byShard[2]?.forwarded == [10 * second: [1: 30]])
        #expect(Set(first.lists) == Set(lists))
        #expect(try FlushTimes(protobuf: first.protobuf()) == first)
        let second = ledger.update([lists[0]], redirects: [7: 1])
        #expect(second.byShard[2]?.isTombstoned == true && second.byShard[2]?.timed == [10 * Self.seconds: 0])
        #expect(second.byShard[7] == second.byShard[1])
    }

    private static let seconds = second
}
