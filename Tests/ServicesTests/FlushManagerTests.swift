import Aggregator
import Cluster
import Testing

@testable import Services

/// Leader and follower on virtual time: what each step asks for.
struct FlushManagerTests {
    private let start: Int64 = 1_700_000_000 * second

    private func manager(_ change: (inout FlushManager.Options) -> Void = { _ in }) -> FlushManager {
        var options = FlushManager.Options()
        change(&options)
        return FlushManager(options: options, now: start)
    }

    private func times(_ nanos: Int64) -> FlushTimes {
        var shard = FlushTimes.Shard()
        shard.standard[10 * second] = nanos
        return FlushTimes(byShard: [3: shard])
    }

    @Test func aFollowerDiscardsWhatItsLeaderHasPublishedAndPublishesNothing() {
        var one = manager()
        #expect(one.step(.follower, now: start) == [])
        one.receive(times(start + second))
        #expect(one.step(.follower, now: start + second) == [.discardUpTo(times(start + second))])
        #expect(one.step(.follower, now: start + 2 * second) == [])
        #expect(one.publishingTerm(.follower, now: start + 2 * second) == nil)
    }

    @Test func aFollowerThatHearsNothingDiscardsByItsOwnClockAfterTheBuffer() {
        var one = manager()
        one.receive(times(start))
        _ = one.step(.follower, now: start)
        #expect(one.step(.follower, now: start + 299 * second) == [])
        #expect(one.step(.follower, now: start + 300 * second) == [.discardBefore(start)])
        // Slice by slice, every ten seconds.
        #expect(one.step(.follower, now: start + 309 * second) == [])
        #expect(one.step(.follower, now: start + 310 * second) == [.discardBefore(start + 10 * second)])
        one.receive(times(start + 305 * second))
        #expect(one.step(.follower, now: start + 315 * second) == [.discardUpTo(times(start + 305 * second))])
        #expect(one.step(.follower, now: start + 400 * second) == [])
    }

    /// M3's leader writes after every flush; a leader of ours whose consumers stall writes the same times again and again.
    @Test func timesThatStandStillAreAnUpdateAllTheSame() {
        var one = manager()
        for step in 0..<900 {
            let now = start + Int64(step) * second
            one.receive(times(start))
            #expect(one.step(.follower, now: now) == [.discardUpTo(times(start))])
        }
    }

    @Test func promotionDiscardsWhatCameLastAndThenLeads() {
        var one = manager()
        one.receive(times(start + 4 * second))
        #expect(
            one.step(.leader(term: 7), now: start + 5 * second)
                == [.discardUpTo(times(start + 4 * second)), .lead(term: 7)])
        #expect(one.publishingTerm(.leader(term: 7), now: start + 5 * second) == 7)
        // Another term is another promotion.
        #expect(one.publishingTerm(.leader(term: 9), now: start + 5 * second) == nil)
        #expect(one.step(.leader(term: 9), now: start + 6 * second) == [.lead(term: 9)])
    }

    @Test func aLeaderWritesFlushTimesEverySecondWhateverTheyAre() {
        var one = manager()
        #expect(one.step(.leader(term: 1), now: start) == [.lead(term: 1)])
        var writes = 0
        for tick in 1...100 {
            let actions = one.step(.leader(term: 1), now: start + Int64(tick) * second / 5)
            #expect(actions == [] || actions == [.writeFlushTimes(term: 1)])
            writes += actions.count
        }
        #expect(writes == 20)
    }

    @Test func withPublishALeaderWithoutSessionPausesAndGoesOnUntilAnotherLeads() {
        var one = manager()
        _ = one.step(.leader(term: 1), now: start)
        let lost = ElectionState.lostSession(term: 1)
        #expect(one.publishingTerm(lost, now: start + second) == nil)
        #expect(one.publishingTerm(lost, now: start + 2 * second) == 1)
        // Flush times stand still: nobody can be told.
        #expect(one.step(lost, now: start + 20 * second) == [])
        #expect(one.step(.follower, now: start + 21 * second) == [.follow])
        #expect(one.publishingTerm(.follower, now: start + 21 * second) == nil)
        // Long after its last discard, it gives its new leader time to report.
        #expect(one.step(.follower, now: start + 22 * second) == [])
    }

    @Test func withHoldALeaderWithoutSessionKeepsItsWindows() {
        var one = manager { $0.publishesWithoutSession = false }
        _ = one.step(.leader(term: 1), now: start)
        let lost = ElectionState.lostSession(term: 1)
        for tick in 1...1_000 {
            let now = start + Int64(tick) * second
            #expect(one.step(lost, now: now) == [])
            #expect(one.publishingTerm(lost, now: now) == nil)
        }
        // Above the limit of bytes, what is older than the buffer goes.
        let late = start + 2_000 * second
        #expect(one.step(lost, isOverLimit: true, now: late) == [.discardBefore(late - 300 * second)])
        #expect(one.step(lost, isOverLimit: true, now: late + second) == [])
        // Back again under the same term, all of the rest goes out.
        #expect(one.step(.leader(term: 1), now: late + 2 * second) == [.writeFlushTimes(term: 1)])
        #expect(one.publishingTerm(.leader(term: 1), now: late + 2 * second) == 1)
    }

    @Test func aProcessThatStoodStillPublishesNothingBeforeItHasLooked() {
        var one = manager()
        _ = one.step(.leader(term: 1), now: start)
        // No step since: the election's own clock says that the lease is over.
        #expect(one.publishingTerm(.lostSession(term: 1), now: start + 60 * second) == nil)
        #expect(one.publishingTerm(.follower, now: start + 60 * second) == nil)
    }

    @Test func aLeaderThatResignedGivesASecondToItsSuccessor() {
        var one = manager()
        _ = one.step(.leader(term: 1), now: start)
        #expect(one.publishingTerm(.resigning(term: 1), now: start) == nil)
        #expect(one.publishingTerm(.resigning(term: 1), now: start + 999_000_000) == nil)
        // Nobody took it: M3's pendingFollower publishes.
        #expect(one.publishingTerm(.resigning(term: 1), now: start + second) == 1)
        one.pause(until: start + 5 * second)
        #expect(one.publishingTerm(.leader(term: 1), now: start + 4 * second) == nil)
        #expect(one.publishingTerm(.leader(term: 1), now: start + 5 * second) == 1)
    }

    // MARK: Warm-up

    private func isDone(
        opened: Int64, now: Int64, past: Int64 = 0, _ change: (inout FlushTimes.Shard) -> Void
    ) -> Bool {
        var shard = FlushTimes.Shard()
        change(&shard)
        let times = FlushTimes(byShard: [0: shard])
        return WarmUp(openedAt: opened, bufferPastNanos: past).isDone(received: times, processed: times, now: now)
    }

    @Test func aReplicaIsWarmWhenItsLeaderHasPublishedTheWindowThatWasOpenAtItsStart() {
        let r = 10 * second
        let opened = start + 3 * second
        #expect(!isDone(opened: opened, now: start + 60 * second) { $0.standard[r] = start + 9 * second })
        #expect(isDone(opened: opened, now: start + 60 * second) { $0.standard[r] = start + 10 * second })
        #expect(isDone(opened: start, now: start + 60 * second) { $0.timed[r] = start })
        #expect(!isDone(opened: start, now: start + 60 * second) { $0.timed[r] = start - 1 })
        #expect(!isDone(opened: opened, now: start + 60 * second) { $0.forwarded[r] = [1: start] })
        #expect(isDone(opened: opened, now: start + 60 * second) { $0.forwarded[r] = [1: start + 1] })
        #expect(!isDone(opened: start, now: start + 60 * second) { $0.forwarded[r] = [1: start - r] })
        #expect(isDone(opened: start, now: start + 60 * second) { $0.forwarded[r] = [1: start - r + 1] })
        // A shard that the leader has no lists for says nothing.
        #expect(
            isDone(opened: opened, now: start) {
                $0.standard[r] = 1
                $0.isTombstoned = true
            })
    }

    @Test func listsThatWereNeverFlushedAskForAWindowThatBeganAfterTheStart() {
        let r = 10 * second
        #expect(!isDone(opened: start + second, now: start + 9 * second) { $0.standard[r] = 0 })
        #expect(isDone(opened: start + second, now: start + 10 * second) { $0.standard[r] = 0 })
        #expect(!isDone(opened: start + second, now: start + 10 * second, past: 5 * second) { $0.timed[r] = 0 })
        #expect(isDone(opened: start + second, now: start + 15 * second, past: 5 * second) { $0.timed[r] = 0 })
    }

    @Test func anEmptyPoolIsWarmAndOneThatHasProcessedNothingIsNot() {
        let warmUp = WarmUp(openedAt: start, bufferPastNanos: 0)
        #expect(warmUp.isDone(received: nil, processed: nil, now: start))
        #expect(warmUp.isDone(received: FlushTimes(), processed: nil, now: start))
        #expect(!warmUp.isDone(received: times(start), processed: nil, now: start))
        #expect(!manager().canLead(isCampaigning: false, now: start))
        #expect(manager().canLead(isCampaigning: true, now: start))
    }
}
