import KeyValue
import Testing

@testable import Cluster

/// One member's rules, step by step on a clock of the test, in tenths of a second.
@Suite struct ElectionMachineTests {
    private struct Member {
        var machine: ElectionMachine
        var now: Int64 = 0

        init(isCampaigning: Bool = true, isPeer: @escaping @Sendable (String) -> Bool = { _ in true }) {
            machine = ElectionMachine(
                options: .init(prefix: "p", value: "me", ttlSeconds: 10), isCampaigning: isCampaigning, isPeer: isPeer)
        }

        static func tenths(_ time: Int64) -> Int64 { time * 100_000_000 }

        mutating func steps(at time: Int64) -> Set<ElectionMachine.Action> {
            now = Self.tenths(time)
            return Set(machine.advance(at: now))
        }

        mutating func handle(_ event: ElectionMachine.Event, at time: Int64) {
            now = Self.tenths(time)
            machine.handle(event, at: now)
        }

        mutating func read(_ candidates: [ElectionCandidate], startedAt: Int64, at time: Int64) {
            handle(.candidatesRead(candidates, startedAt: Self.tenths(startedAt)), at: time)
        }

        func state(at time: Int64) -> ElectionState { machine.state(at: Self.tenths(time)) }

        /// Has lease 255 since 0 and its key, created at `revision`, since 2.
        mutating func stands(revision: Int64) {
            _ = steps(at: 0)
            handle(.leaseGranted(lease: 255, ttlSeconds: 10, sentAt: 0), at: 1)
            read([], startedAt: 0, at: 1)
            _ = steps(at: 1)
            handle(.registered(Fence(key: "p/ff", createRevision: revision), lease: 255), at: 2)
            _ = steps(at: 2)
        }
    }

    private static func candidate(_ value: String, _ lease: Int64, _ revision: Int64) -> ElectionCandidate {
        ElectionCandidate(key: "p/\(String(lease, radix: 16))", value: value, createRevision: revision)
    }
    private static let own = candidate("me", 255, 7)
    private static let other = candidate("other", 16, 5)

    @Test func aLeaseThenAKeyThenAReadMakeALeader() {
        var member = Member()
        #expect(member.steps(at: 0) == [.grantLease, .readCandidates])
        #expect(member.steps(at: 0).isEmpty)
        member.handle(.leaseGranted(lease: 255, ttlSeconds: 10, sentAt: 0), at: 1)
        #expect(member.steps(at: 1) == [.register(key: "p/ff", lease: 255)])
        member.read([], startedAt: 0, at: 1)
        member.handle(.registered(Fence(key: "p/ff", createRevision: 7), lease: 255), at: 2)
        #expect(member.steps(at: 2) == [.readCandidates])
        #expect(member.state(at: 2) == .follower)
        member.read([Self.own], startedAt: 2, at: 3)
        #expect(member.state(at: 3) == .leader(term: 7))
        #expect(member.machine.fence(at: Member.tenths(3)) == Fence(key: "p/ff", createRevision: 7))
    }

    @Test func whoStandsBehindAnotherFollowsUntilThatOneIsGone() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.other, Self.own], startedAt: 2, at: 3)
        #expect(member.state(at: 3) == .follower)
        #expect(member.machine.leader == Self.other)
        member.handle(.candidatesChanged, at: 5)
        #expect(member.steps(at: 5).contains(.readCandidates))
        member.read([Self.own], startedAt: 5, at: 6)
        #expect(member.state(at: 6) == .leader(term: 7))
    }

    /// A change that is reported while a read runs may have come too late for it.
    @Test func aChangeDuringAReadAsksForAnother() {
        var member = Member()
        member.stands(revision: 7)
        member.handle(.candidatesChanged, at: 3)
        #expect(member.steps(at: 3).isEmpty)
        member.read([Self.other, Self.own], startedAt: 2, at: 4)
        #expect(member.steps(at: 4).contains(.readCandidates))
    }

    @Test func aReadFromBeforeTheRegistrationDecidesNothing() {
        var member = Member()
        _ = member.steps(at: 0)
        member.handle(.leaseGranted(lease: 255, ttlSeconds: 10, sentAt: 0), at: 1)
        _ = member.steps(at: 1)
        member.handle(.registered(Fence(key: "p/ff", createRevision: 7), lease: 255), at: 2)
        member.read([], startedAt: 0, at: 3)
        #expect(member.machine.candidate != nil)
        #expect(member.steps(at: 3).contains(.readCandidates))
    }

    @Test func theLeaseIsRenewedAtAThirdAndRunsOutByTheOwnClock() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.own], startedAt: 2, at: 3)
        #expect(!member.steps(at: 33).contains(.keepAlive(lease: 255)))
        #expect(member.steps(at: 34).contains(.keepAlive(lease: 255)))
        member.handle(.keepAliveFailed, at: 60)
        #expect(!member.steps(at: 61).contains(.keepAlive(lease: 255)))
        #expect(member.steps(at: 70).contains(.keepAlive(lease: 255)))
        #expect(member.state(at: 99) == .leader(term: 7))
        #expect(member.state(at: 100) == .lostSession(term: 7))
        #expect(member.machine.fence(at: Member.tenths(100)) == nil)
        // The answer counts from when the question was sent, and leadership from a read after it.
        member.handle(.keepAliveAnswered(lease: 255, ttlSeconds: 10, sentAt: Member.tenths(70)), at: 110)
        #expect(member.state(at: 110) == .lostSession(term: 7))
        #expect(member.steps(at: 110).contains(.readCandidates) || member.machine.nextWakeup(after: 0) > 0)
        member.handle(.readFailed, at: 111)
        #expect(member.steps(at: 121).contains(.readCandidates))
        member.read([Self.own], startedAt: 121, at: 122)
        #expect(member.state(at: 122) == .leader(term: 7))
        #expect(member.state(at: 170) == .lostSession(term: 7))
    }

    @Test func aLeaseThatIsGoneTakesItsKeyAlongAndANewOneIsSought() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.own], startedAt: 2, at: 3)
        _ = member.steps(at: 34)
        member.read([Self.own], startedAt: 34, at: 34)
        member.handle(.keepAliveAnswered(lease: 255, ttlSeconds: 0, sentAt: Member.tenths(34)), at: 35)
        #expect(member.state(at: 35) == .lostSession(term: 7))
        #expect(member.steps(at: 35).isSuperset(of: [.grantLease, .readCandidates]))
        member.read([Self.other], startedAt: 35, at: 36)
        #expect(member.state(at: 36) == .follower)
    }

    @Test func aWaitingMemberWhoseKeyVanishedIsNotLeaderOfAnEmptyElection() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.other, Self.own], startedAt: 2, at: 3)
        member.handle(.candidatesChanged, at: 4)
        _ = member.steps(at: 4)
        member.read([], startedAt: 4, at: 5)
        #expect(member.state(at: 5) == .follower)
        #expect(member.steps(at: 5).isSuperset(of: [.keepAlive(lease: 255), .register(key: "p/ff", lease: 255)]))
        member.handle(.registerFailed(leaseIsGone: true), at: 6)
        #expect(member.steps(at: 6).contains(.grantLease))
    }

    @Test func aResignationWaitsForAnotherLeaderAndStandsAgainAfterASecond() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.own], startedAt: 2, at: 3)
        member.handle(.resignRequested, at: 4)
        let fence = Fence(key: "p/ff", createRevision: 7)
        #expect(member.steps(at: 4).contains(.unregister(fence)))
        #expect(member.state(at: 4) == .leader(term: 7))
        member.handle(.unregistered(fence), at: 5)
        #expect(member.state(at: 5) == .resigning(term: 7))
        #expect(member.steps(at: 5) == [.readCandidates])
        member.read([], startedAt: 5, at: 6)
        #expect(member.state(at: 6) == .resigning(term: 7))
        #expect(member.steps(at: 15).contains(.register(key: "p/ff", lease: 255)))
        member.handle(.registered(Fence(key: "p/ff", createRevision: 9), lease: 255), at: 16)
        _ = member.steps(at: 16)
        member.read([Self.candidate("me", 255, 9)], startedAt: 16, at: 17)
        #expect(member.state(at: 17) == .leader(term: 9))
    }

    @Test func aKeyThatVanishesDuringAResignationIsOneGivenUp() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.own], startedAt: 2, at: 3)
        member.handle(.resignRequested, at: 4)
        _ = member.steps(at: 4)
        member.handle(.candidatesChanged, at: 5)
        _ = member.steps(at: 5)
        member.read([], startedAt: 5, at: 6)
        #expect(member.state(at: 6) == .resigning(term: 7))
        member.handle(.unregisterFailed, at: 7)
        #expect(!member.steps(at: 8).contains(.register(key: "p/ff", lease: 255)))
        #expect(member.steps(at: 16).contains(.register(key: "p/ff", lease: 255)))
    }

    @Test func aFollowersResignationChangesNothing() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.other, Self.own], startedAt: 2, at: 3)
        member.handle(.resignRequested, at: 4)
        #expect(member.steps(at: 4).isEmpty)
        #expect(member.state(at: 4) == .follower)
    }

    @Test func onlyAPeerEndsALostLeadership() {
        var member = Member(isPeer: { $0 == "other" })
        member.stands(revision: 7)
        member.read([Self.own], startedAt: 2, at: 3)
        _ = member.steps(at: 34)
        member.handle(.keepAliveAnswered(lease: 255, ttlSeconds: 0, sentAt: Member.tenths(34)), at: 35)
        for value in ["stranger", "me"] {
            member.read([Self.candidate(value, 3, 8)], startedAt: 35, at: 36)
            #expect(member.state(at: 36) == .lostSession(term: 7))
        }
        member.read([Self.candidate("other", 3, 8)], startedAt: 36, at: 37)
        #expect(member.state(at: 37) == .follower)
    }

    @Test func whoStopsCampaigningGivesTheKeyUpAndFollowsAtOnce() {
        var member = Member()
        member.stands(revision: 7)
        member.read([Self.own], startedAt: 2, at: 3)
        member.handle(.campaignWanted(false), at: 4)
        let fence = Fence(key: "p/ff", createRevision: 7)
        #expect(member.steps(at: 4).contains(.unregister(fence)))
        member.handle(.unregisterFailed, at: 5)
        #expect(!member.steps(at: 6).contains(.unregister(fence)))
        #expect(member.steps(at: 15).contains(.unregister(fence)))
        member.handle(.unregistered(fence), at: 16)
        #expect(member.state(at: 16) == .follower)
        #expect(!member.steps(at: 40).contains(.register(key: "p/ff", lease: 255)))
        member.handle(.campaignWanted(true), at: 41)
        #expect(member.steps(at: 41).contains(.register(key: "p/ff", lease: 255)))
    }

    @Test func anObserverReadsAndAsksForNothing() {
        var member = Member(isCampaigning: false)
        #expect(member.steps(at: 0) == [.readCandidates])
        member.read([Self.other], startedAt: 0, at: 1)
        #expect(member.machine.leader == Self.other)
        #expect(member.steps(at: 1).isEmpty)
        #expect(member.steps(at: 21) == [.readCandidates])
    }

    /// Whatever happens in whatever order: never leader without a valid lease and a key of one's own, and terms only grow.
    @Test(arguments: 0..<20 as Range<UInt64>) func randomEventsNeverMakeALeaderWithoutKeyAndLease(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var member = Member()
        var revision: Int64 = 1
        var time: Int64 = 0
        var highestTerm: Int64 = 0
        var leaderships = 0
        var keys: [ElectionCandidate] = []
        for _ in 0..<4000 {
            time += Int64(random.next(below: 8))
            let now = Member.tenths(time)
            member.now = now
            for action in member.machine.advance(at: now) {
                let fails = random.next(below: 4) == 0
                switch action {
                case .grantLease:
                    let lease = Int64(random.next(below: 1_000_000)) + 1
                    member.machine.handle(
                        fails ? .leaseFailed : .leaseGranted(lease: lease, ttlSeconds: 3, sentAt: now), at: now)
                case .keepAlive(let lease):
                    let gone = random.next(below: 6) == 0
                    if gone { keys.removeAll { $0.key == "p/\(String(lease, radix: 16))" } }
                    member.machine.handle(
                        fails
                            ? .keepAliveFailed
                            : .keepAliveAnswered(lease: lease, ttlSeconds: gone ? 0 : 3, sentAt: now),
                        at: now)
                case .register(let key, let lease):
                    guard !fails, member.machine.session?.lease == lease else {
                        member.machine.handle(.registerFailed(leaseIsGone: false), at: now)
                        continue
                    }
                    revision += 1
                    keys.append(ElectionCandidate(key: key, value: "me", createRevision: revision))
                    member.machine.handle(.registered(Fence(key: key, createRevision: revision), lease: lease), at: now)
                case .readCandidates:
                    member.machine.handle(fails ? .readFailed : .candidatesRead(keys, startedAt: now), at: now)
                case .unregister(let fence):
                    if !fails { keys.removeAll { $0.createRevision == fence.createRevision } }
                    member.machine.handle(fails ? .unregisterFailed : .unregistered(fence), at: now)
                }
                let state = member.machine.state(at: now)
                if case .leader(let term) = state {
                    if term > highestTerm { leaderships += 1 }
                    #expect(term >= highestTerm)
                    highestTerm = max(highestTerm, term)
                    #expect(member.machine.fence(at: now)?.createRevision == term)
                    #expect(member.machine.session.map { now < $0.validUntil } == true)
                }
            }
            switch random.next(below: 12) {
            case 0:
                revision += 1
                keys.append(ElectionCandidate(key: "p/other", value: "other", createRevision: revision))
                member.machine.handle(.candidatesChanged, at: now)
            case 1...3:
                keys.removeAll { $0.value == "other" }
                member.machine.handle(.candidatesChanged, at: now)
            case 4: member.machine.handle(.resignRequested, at: now)
            case 5: member.machine.handle(.campaignWanted(random.next(below: 4) > 0), at: now)
            default: break
            }
            #expect(member.machine.nextWakeup(after: now) > now)
        }
        #expect(leaderships > 10)
    }
}

/// A small generator of numbers that a seed repeats.
struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(below limit: UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return (z ^ (z >> 31)) % limit
    }
}
