import Cluster
import KeyValue
import TestKit
import Testing

@testable import Etcd

@Suite struct ElectionTests {
    private static let service = ServiceID(name: ServiceID.aggregatorName)
    private static let electionID = ShardSetKeyFormat.election.key(shardSetID: 1)
    private static let prefix = "_ld/default_env/m3aggregator/shardset/1/lock"

    private static func member(
        _ value: String, _ store: EtcdStore, ttlSeconds: Int64 = 5, isCampaigning: Bool = true,
        isPeer: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> EtcdElection {
        EtcdElection(
            client: store.client, service: service, electionID: electionID, value: value, ttlSeconds: ttlSeconds,
            isCampaigning: isCampaigning, isPeer: isPeer)
    }

    @discardableResult
    private static func becomes(
        _ election: EtcdElection, _ what: String, within deadline: Duration = .seconds(30),
        _ condition: @escaping (ElectionState) -> Bool
    ) async throws -> ElectionState {
        try await poll(what, deadline: deadline) {
            let state = election.state
            return condition(state) ? state : nil
        }
    }

    @Test func theFirstLeadsAndTheSecondWaits() async throws {
        try await withEtcd { cluster, store in
            let a = Self.member("a", store, ttlSeconds: 10)
            let led = try await Self.becomes(a, "a leads", { $0.isLeader })
            let b = Self.member("b", store, ttlSeconds: 10)
            try await eventually("b stands") {
                try await store.client.candidates(prefix: Self.prefix).candidates.count == 2
            }
            try await eventually("b sees a") { b.leader?.value == "a" }
            #expect(b.state == .follower)
            #expect(b.fence == nil)

            let candidates = try await store.client.candidates(prefix: Self.prefix + "/").candidates
            let first = try #require(candidates.first)
            #expect(first.value == Array("a".utf8))
            #expect(led == .leader(term: first.createRevision))
            #expect(first.key == "\(Self.prefix)/\(String(first.lease, radix: 16))")
            #expect(a.fence == Fence(key: first.key, createRevision: first.createRevision))
            #expect(try await store.client.timeToLive(lease: first.lease)?.granted == 10)
            #expect(a.leader == ElectionCandidate(key: first.key, value: "a", createRevision: first.createRevision))
            await b.close()
            await a.close()
            #expect(try await store.client.candidates(prefix: Self.prefix).candidates.isEmpty)
        }
    }

    @Test func aMemberThatClosesHandsOverAtOnce() async throws {
        try await withEtcd { _, store in
            let a = Self.member("a", store, ttlSeconds: 60)
            try await Self.becomes(a, "a leads", { $0.isLeader })
            let b = Self.member("b", store, ttlSeconds: 60)
            try await eventually("b sees a") { b.leader?.value == "a" }
            await a.close()
            // Far less than the minute that the lease has.
            try await Self.becomes(b, "b leads", within: .seconds(20), { $0.isLeader })
            #expect(a.state == .follower)
            await b.close()
        }
    }

    @Test func whenTheLeaderVanishesTheLeaseEndsAndItsWritesAreFenced() async throws {
        try await withEtcd { cluster, store in
            let doomed = try makeStore(cluster.endpoints)
            let a = Self.member("a", doomed)
            try await Self.becomes(a, "a leads", { $0.isLeader })
            let fence = try #require(a.fence)
            let term = try #require(a.state.term)
            let times = FlushTimesStore(store: store, shardSetID: 1)
            #expect(try await times.set(FlushTimes(), guardedBy: fence) == 1)
            let b = Self.member("b", store)
            try await eventually("b sees a") { b.leader?.value == "a" }

            // From here on a reaches etcd no more, as if it were cut off.
            await doomed.client.close()
            let newTerm = try #require(try await Self.becomes(b, "b leads", { $0.isLeader }).term)
            #expect(newTerm > term)
            #expect(a.state == .lostSession(term: term))
            #expect(a.fence == nil)
            await #expect(throws: ClusterError.keyValue(.fenced(key: times.key, guard: fence.key))) {
                try await times.set(FlushTimes(), guardedBy: fence)
            }
            #expect(try await times.set(FlushTimes(), guardedBy: try #require(b.fence)) == 2)
            await a.close()
            await b.close()
            await doomed.close()
        }
    }

    @Test func aResignationIsOverWhenTheOtherLeadsAndTheFirstStandsAgain() async throws {
        try await withEtcd { _, store in
            let a = Self.member("a", store, ttlSeconds: 10)
            let b = Self.member("b", store, ttlSeconds: 10)
            try await eventually("one leads and both stand") {
                let count = try await store.client.candidates(prefix: Self.prefix).candidates.count
                return count == 2 && (a.state.isLeader || b.state.isLeader)
            }
            var (leader, other) = a.state.isLeader ? (a, b) : (b, a)
            for _ in 0..<2 {
                let term = try #require(leader.state.term)
                try await leader.resign(within: .seconds(20))
                #expect(leader.state == .follower)
                let next = try await Self.becomes(other, "the other leads", { $0.isLeader })
                #expect(try #require(next.term) > term)
                try await eventually("the first stands again") {
                    try await store.client.candidates(prefix: Self.prefix).candidates.count == 2
                }
                swap(&leader, &other)
            }
            try await other.resign(within: .seconds(1))
            await a.close()
            await b.close()
        }
    }

    @Test func aResignationWithoutAnotherMemberEndsInLeadershipAgain() async throws {
        try await withEtcd { _, store in
            let a = Self.member("a", store)
            let term = try #require(try await Self.becomes(a, "a leads", { $0.isLeader }).term)
            await #expect(throws: ElectionError.noOtherCandidate) { try await a.resign(within: .seconds(20)) }
            #expect(try #require(a.state.term) > term)
            await a.close()
            await #expect(throws: ElectionError.closed) { try await a.resign(within: .seconds(1)) }
        }
    }

    @Test func aStrangerInTheElectionMakesNoLeaderStepBack() async throws {
        try await withEtcd { _, store in
            let a = Self.member("a", store, isPeer: { $0 == "b" })
            let term = try #require(try await Self.becomes(a, "a leads", { $0.isLeader }).term)
            let stranger = Self.member("stranger", store)
            try await eventually("the stranger stands") {
                try await store.client.candidates(prefix: Self.prefix).candidates.count == 2
            }
            await #expect(throws: ElectionError.timedOut(waitingFor: "another member to lead")) {
                try await a.resign(within: .seconds(2))
            }
            #expect(a.state == .resigning(term: term))
            #expect(stranger.state.isLeader)
            await stranger.close()
            await a.close()
        }
    }

    @Test func theLeaderOfBeforeARestartOfEtcdLeadsBehindItWithTheSameTerm() async throws {
        try await withEtcd { cluster, store in
            let a = Self.member("a", store, ttlSeconds: 5)
            let before = try await Self.becomes(a, "a leads", { $0.isLeader })
            let b = Self.member("b", store, ttlSeconds: 5)
            try await eventually("b sees a") { b.leader?.value == "a" }
            await cluster.stop()
            try await cluster.start()
            try await Self.becomes(a, "a leads", { $0.isLeader })
            #expect(a.state == before)
            #expect(b.state == .follower)
            await a.close()
            try await Self.becomes(b, "b leads", { $0.isLeader })
            await b.close()
        }
    }

    @Test func etcdDownForLongerThanTheLeaseIsALostSessionUntilItIsBack() async throws {
        try await withEtcd { cluster, store in
            let a = Self.member("a", store)
            let term = try #require(try await Self.becomes(a, "a leads", { $0.isLeader }).term)
            let b = Self.member("b", store)
            try await eventually("b sees a") { b.leader?.value == "a" }
            await cluster.stop()
            try await Self.becomes(a, "a lost its session", { $0 == .lostSession(term: term) })
            #expect(a.fence == nil)
            #expect(b.state == .follower)
            try await cluster.start()
            try await eventually("one of them leads") { a.state.isLeader || b.state.isLeader }
            try await eventually("the other one follows") { [a, b].contains { $0.state == .follower } }
            await a.close()
            await b.close()
        }
    }

    @Test func aFrozenEtcdEndsTheLeadershipByTheMembersOwnClock() async throws {
        try await withEtcd { cluster, store in
            let a = Self.member("a", store)
            let term = try #require(try await Self.becomes(a, "a leads", { $0.isLeader }).term)
            let changes = a.states()
            cluster.freeze()
            let lost = await next(of: changes) { $0 == .lostSession(term: term) }
            cluster.thaw()
            #expect(lost != nil)
            try await Self.becomes(a, "a leads again", { $0.isLeader })
            await a.close()
        }
    }

    /// A member that waits and whose lease is revoked has no key left: when the leader goes it must not take itself for the next.
    @Test func aWaitingMemberWithoutItsKeyStandsAgainBeforeItLeads() async throws {
        try await withEtcd { cluster, store in
            let a = Self.member("a", store, ttlSeconds: 10)
            try await Self.becomes(a, "a leads", { $0.isLeader })
            let b = Self.member("b", store, ttlSeconds: 10)
            let waiting = try await poll("b stands") {
                try await store.client.candidates(prefix: Self.prefix).candidates.first { $0.value == Array("b".utf8) }
            }
            try await cluster.control(["lease", "revoke", String(waiting.lease, radix: 16)])
            await a.close()
            let led = try await Self.becomes(b, "b leads", { $0.isLeader })
            let keys = try await store.client.candidates(prefix: Self.prefix).candidates
            #expect(led == .leader(term: try #require(keys.first).createRevision))
            #expect(try #require(keys.first).createRevision > waiting.createRevision)
            await b.close()
        }
    }

    @Test func aLeaderWhoseKeyWasDeletedKnowsItAndStandsAgain() async throws {
        try await withEtcd { cluster, store in
            let a = Self.member("a", store, ttlSeconds: 10)
            let term = try #require(try await Self.becomes(a, "a leads", { $0.isLeader }).term)
            let changes = a.states()
            try await cluster.control(["del", "--prefix", Self.prefix])
            let again = await next(of: changes) { $0.isLeader && $0 != .leader(term: term) }
            #expect(try #require(again?.term) > term)
            await a.close()
        }
    }

    @Test func whoDoesNotCampaignHasNoKeyAndObserves() async throws {
        try await withEtcd { _, store in
            let a = Self.member("a", store)
            try await Self.becomes(a, "a leads", { $0.isLeader })
            let b = Self.member("b", store, isCampaigning: false)
            try await eventually("b sees a") { b.leader?.value == "a" }
            #expect(!b.isCampaigning)
            a.setCampaigning(false)
            try await Self.becomes(a, "a follows", { $0 == .follower })
            #expect(try await store.client.candidates(prefix: Self.prefix).candidates.isEmpty)
            #expect(b.state == .follower)
            b.setCampaigning(true)
            try await Self.becomes(b, "b leads", { $0.isLeader })
            await a.close()
            await b.close()
        }
    }

    @Test func electionsOutliveEachMemberOfThreeInTurn() async throws {
        try await withEtcd(members: 3) { cluster, store in
            let a = Self.member("a", store, ttlSeconds: 5)
            let led = try await Self.becomes(a, "a leads", { $0.isLeader })
            let b = Self.member("b", store, ttlSeconds: 5)
            try await eventually("b sees a") { b.leader?.value == "a" }
            for member in 0..<3 {
                await cluster.stop(member)
                try await eventually("etcd takes writes") { try await store.set("x", [UInt8(member)]) > 0 }
                try await cluster.start(member)
            }
            try await eventually("one of them leads") { a.state.isLeader || b.state.isLeader }
            if a.state.isLeader { #expect(a.state.term ?? 0 >= led.term ?? 0) }
            await a.close()
            await b.close()
        }
    }

    @Test func theShortestLeaseIsTwoSecondsAndIsGranted() async throws {
        try await withEtcd { _, store in
            let a = Self.member("a", store, ttlSeconds: 0)
            try await Self.becomes(a, "a leads", { $0.isLeader })
            let key = try #require(try await store.client.candidates(prefix: Self.prefix).candidates.first)
            #expect(try await store.client.timeToLive(lease: key.lease)?.granted == 2)
            await a.close()
        }
    }
}
