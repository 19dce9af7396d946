import Foundation
import Metrics
import Storage
import Testing

/// Queries without a policy: every series once, from the namespace that serves the range best.
@Suite struct UnionTests {
    private let start = StoreFixture.start
    private let hour = StoreFixture.hour

    private func fixture() async throws -> StoreFixture {
        let fixture = try StoreFixture(now: start) { $0.unaggregatedRetentionMs = 12 * StoreFixture.hour }
        for (policy, value, ages) in [
            (nil, 1.0, [11, 1, 0]), ("10s:2d", 2.0, [40, 11, 1]), ("1m:2d", 3.0, [40, 11, 1]),
            ("10m:30d", 4.0, [400, 40, 1]),
        ] as [(String?, Double, [Int64])] {
            let namespace = try policy.map { Namespace.aggregated(try StoragePolicy(parsing: $0)) } ?? .unaggregated
            for name in ["shared", policy ?? "raw"] {
                try await fixture.write(["n": name], ages.map { (start - $0 * hour, value) }, to: namespace)
            }
        }
        return fixture
    }

    private func union(_ fixture: StoreFixture, lastHours: Int64) async throws -> [String: [Double]] {
        let found = try await fixture.store.selectUnion(
            matchers: [], startMs: start - lastHours * hour, endMs: start)
        return Dictionary(uniqueKeysWithValues: found.map { ($0.labels["n"] ?? "", $0.values) })
    }

    @Test func theUnaggregatedNamespaceComesFirstWhereItKeepsTheRange() async throws {
        let fixture = try await fixture()
        let all = try await union(fixture, lastHours: 12)
        #expect(all == ["shared": [1, 1, 1], "raw": [1, 1, 1], "10s:2d": [2, 2], "1m:2d": [3, 3], "10m:30d": [4]])
    }

    @Test func elseTheFinestResolutionThatKeepsTheRange() async throws {
        let fixture = try await fixture()
        let days = try await union(fixture, lastHours: 47)
        #expect(days["shared"] == [2, 2, 2])
        // Labels that no such namespace holds are served as far as they are kept.
        #expect(days["raw"] == [1, 1, 1])
        #expect(days["1m:2d"] == [3, 3, 3])
        let weeks = try await union(fixture, lastHours: 500)
        #expect(weeks["shared"] == [4, 4, 4])
        #expect(weeks["10s:2d"] == [2, 2, 2])
    }

    @Test func whereNoneKeepsTheRangeTheLongestRetentionServes() async throws {
        let fixture = try await fixture()
        let years = try await union(fixture, lastHours: 10_000)
        #expect(years["shared"] == [4, 4, 4])
    }

    @Test func aNamespaceWithoutSamplesInTheRangeGivesWay() async throws {
        let fixture = try await fixture()
        try await fixture.write(["n": "only"], [(start - 60_000, 1)])
        let fine = Namespace.aggregated(try StoragePolicy(parsing: "10s:2d"))
        try await fixture.write(["n": "only"], [(start - 5_000, 9)], to: fine)
        let found = try await fixture.store.selectUnion(
            matchers: [LabelMatcher("n", .equal, "only")], startMs: start - 10_000, endMs: start)
        #expect(found.map(\.values) == [[9]])
    }

    @Test func precisionTellsNoNamespacesApart() async throws {
        let fixture = try await fixture()
        let precise = Namespace.aggregated(try StoragePolicy(parsing: "10s@1ms:2d"))
        try await fixture.write(["n": "p"], [(start, 1)], to: precise)
        #expect(try fixture.store.namespaces.count == 4)
        #expect(try fixture.store.retentionMs(of: precise) == 48 * hour)
        #expect(
            try await fixture.select(namespace: Namespace.aggregated(try StoragePolicy(parsing: "10s:2d"))).count == 3)
        try fixture.reopen()
        #expect(try fixture.store.namespaces.count == 4)
    }
}
