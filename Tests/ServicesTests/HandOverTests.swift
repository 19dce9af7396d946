import Cluster
import TestKit
import Testing

@testable import Services

/// Two instances of one shard set over a real etcd.
@Suite(.serialized) struct HandOverTests {
    private func withPair(
        _ body: (PoolFixture, _ leader: AggregatorRole, _ follower: AggregatorRole) async throws -> Void
    ) async throws {
        let pool = try await PoolFixture()
        let leader = try await pool.start("a")
        try await PoolFixture.waitForRole(leader, "leader")
        let follower = try await pool.start("b")
        do {
            // One that has just come needs its leader to have published the windows that were open then.
            try await pool.load(for: .seconds(2))
            try await PoolFixture.waitForRole(follower, "follower", canLead: true)
            try await body(pool, leader, follower)
        } catch {
            await pool.stop()
            throw error
        }
        await pool.stop()
    }

    /// The longest time between two arrivals after a moment.
    private func longestSilence(_ pool: PoolFixture, after start: Int64) -> Int64 {
        let times = pool.records.map(\.arrivedAt).filter { $0 >= start }
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .max
    }

    @Test(.timeLimit(.minutes(2))) func aStoppedLeaderHandsOverWithoutLossOrRepetition() async throws {
        try await withPair { pool, leader, follower in
            async let load: Void = pool.load(for: .seconds(6))
            try await Task.sleep(for: .seconds(2))
            let begin = WallClock.nowNanos()
            async let stopped = leader.stop()
            try await PoolFixture.waitForRole(follower, "leader")
            let took = Double(WallClock.nowNanos() - begin) / 1e9
            _ = await stopped
            try await load
            try await pool.waitForAllUnits()
            #expect(pool.unitsStored == pool.unitsSent)
            // Terms rise, and each window came from one of the two.
            let terms = Set(pool.records.compactMap(\.record.term))
            #expect(terms.count == 2)
            let windows = pool.records.map { "\($0.record.id ?? "") \($0.record.timeNanos ?? 0)" }
            #expect(Set(windows).count == windows.count)
            print(
                "graceful hand-over: \(took) s, longest silence \(Double(longestSilence(pool, after: begin)) / 1e9) s")
            _ = await follower.stop()
        }
    }

    @Test(.timeLimit(.minutes(2))) func aResignedLeaderFollowsAndNothingIsLost() async throws {
        try await withPair { pool, leader, follower in
            async let load: Void = pool.load(for: .seconds(5))
            try await Task.sleep(for: .seconds(1))
            let answer = try await HTTP.send("POST", "http://\(leader.addresses.http)/resign")
            #expect(answer.status == 200 && answer.text == "{\"state\":\"OK\"}\n")
            try await PoolFixture.waitForRole(leader, "follower")
            try await PoolFixture.waitForRole(follower, "leader")
            try await load
            try await pool.waitForAllUnits()
            #expect(pool.unitsStored == pool.unitsSent)
            // And back again: the first is still warm.
            try await PoolFixture.waitForRole(leader, "follower", canLead: true)
            _ = try await poll("the other one to stand for election") {
                try await HTTP.send("POST", "http://\(follower.addresses.http)/resign").status == 200 ? true : nil
            }
            try await PoolFixture.waitForRole(leader, "leader")
            _ = await follower.stop()
            _ = await leader.stop()
        }
    }

    @Test(.timeLimit(.minutes(2))) func aRestartedReplicaIsColdUntilItsLeaderHasPublishedThePresentWindow() async throws
    {
        try await withPair { pool, leader, follower in
            _ = await follower.stop()
            let again = try await pool.start("b")
            // Flush times are there and none of them reach beyond its start.
            #expect(try await PoolFixture.status(again).contains("\"electionState\":\"follower\""))
            try await pool.load(for: .seconds(3))
            try await PoolFixture.waitForRole(again, "follower", canLead: true)
            try await pool.waitForAllUnits()
            #expect(pool.unitsStored == pool.unitsSent)
            _ = await again.stop()
            _ = await leader.stop()
        }
    }

    @Test(.timeLimit(.minutes(2))) func aConsumerThatTakesNothingHoldsFlushTimesBackButNotTheirWriting() async throws {
        try await withPair { pool, leader, follower in
            func latest() async throws -> (version: Int64, time: Int64)? {
                try await pool.times.get().map { found in
                    (found.version, found.value.byShard.values.compactMap { $0.timed[second] }.max() ?? 0)
                }
            }
            pool.setTakesNothing(true)
            try await pool.load(for: .seconds(2))
            // Flushes go on every second, and so do the writes, but what they say stands still.
            var known: (version: Int64, time: Int64)?
            let stalled = try await poll("four writes that say the same", deadline: .seconds(60)) { () -> Int64? in
                guard let now = try await latest() else { return nil }
                if now.time != known?.time { known = now }
                return now.version >= (known?.version ?? .max - 4) + 4 ? now.time : nil
            }
            pool.setTakesNothing(false)
            _ = try await poll("the times to go on", deadline: .seconds(60)) {
                try await latest().map { $0.time > stalled + second ? true : nil } ?? nil
            }
            try await pool.waitForAllUnits()
            #expect(pool.unitsStored == pool.unitsSent)
            _ = await follower.stop()
            _ = await leader.stop()
        }
    }

    @Test(.timeLimit(.minutes(2))) func theLeaderWritesFlushTimesAllTheTimeAndNamesEveryList() async throws {
        try await withPair { pool, leader, follower in
            let first = try #require(try await pool.times.get())
            #expect(first.value.byShard.values.allSatisfy { !$0.isTombstoned })
            #expect(first.value.byShard.values.contains { $0.timed[second] ?? 0 > 0 })
            // Nothing is sent any more: the writes go on.
            _ = try await poll("three more writes", deadline: .seconds(30)) {
                try await pool.times.get().map { $0.version >= first.version + 3 ? true : nil } ?? nil
            }
            _ = await follower.stop()
            _ = await leader.stop()
        }
    }
}
