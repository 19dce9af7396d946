import Testing

@testable import Cluster

@Suite struct PlacementSelectorTests {
    private static func instance(
        _ id: String, host: String, group: String, port: UInt32 = 6000, weight: UInt32 = 100, zone: String = "embedded"
    ) -> Instance {
        Instance(
            id: id, isolationGroup: group, zone: zone, weight: weight, endpoint: "\(host):\(port)", hostname: host,
            port: port)
    }

    private static func reason(_ body: () throws -> Void) -> String {
        #expect(throws: ClusterError.self) { try body() }.map(\.description) ?? ""
    }

    private static let four = [
        instance("a", host: "h1", group: "g1"), instance("b", host: "h2", group: "g2"),
        instance("c", host: "h3", group: "g1"), instance("d", host: "h4", group: "g2"),
    ]

    @Test func hostsOfDifferentGroupsFormShardSets() throws {
        let chosen = try PlacementSelector().initial(Self.four, kind: .mirrored, replicaFactor: 2)
        let sets = Dictionary(grouping: chosen, by: \.shardSetID).mapValues { $0.map(\.id).sorted() }
        #expect(sets == [1: ["a", "b"], 2: ["c", "d"]])
    }

    @Test func aShardSetPerPortOfAGroupOfHosts() throws {
        let candidates = [6000, 6010].flatMap { (port: UInt32) in
            [
                Self.instance("a\(port)", host: "h1", group: "g1", port: port),
                Self.instance("b\(port)", host: "h2", group: "g2", port: port),
            ]
        }
        let chosen = try PlacementSelector().initial(candidates, kind: .mirrored, replicaFactor: 2)
        let sets = Dictionary(grouping: chosen, by: \.shardSetID).mapValues { $0.map(\.id).sorted() }
        #expect(sets == [1: ["a6000", "b6000"], 2: ["a6010", "b6010"]])
        let uneven = candidates.dropLast()
        #expect(
            Self.reason { _ = try PlacementSelector().initial(Array(uneven), kind: .mirrored, replicaFactor: 2) }
                == "could not find port 6010 on host h2")
        var any = PlacementSelector()
        any.skipPortMirroring = true
        #expect(try any.initial(Array(uneven), kind: .mirrored, replicaFactor: 2).count == 2)
    }

    @Test func hostsThatMatchNobodyAreLeftOutAndNoneAtAllIsAnError() throws {
        let heavy = Self.instance("heavy", host: "h9", group: "g3", weight: 5)
        let chosen = try PlacementSelector().initial(Self.four + [heavy], kind: .mirrored, replicaFactor: 2)
        #expect(!chosen.contains { $0.id == "heavy" })
        #expect(
            Self.reason { _ = try PlacementSelector().initial([heavy], kind: .mirrored, replicaFactor: 2) }
                == "no valid instance for mirror placement in the candidate list")
        let twoWeights = [heavy, Self.instance("other", host: "h9", group: "g3", port: 1, weight: 6)]
        #expect(
            Self.reason { _ = try PlacementSelector().initial(twoWeights, kind: .mirrored, replicaFactor: 2) }
                == "could not add instance other to host h9, weight mismatch: 6 and 5")
    }

    private static func pool() throws -> Placement {
        try Placement.initial(
            PlacementSelector().initial(Array(four.prefix(2)), kind: .mirrored, replicaFactor: 2), kind: .mirrored,
            numShards: 8, replicaFactor: 2, times: PlacementTimes(now: 0)
        ).markingAllAvailable(times: PlacementTimes(now: 0))
    }

    @Test func oneGroupOfHostsIsAddedAtATimeWithTheNextID() throws {
        let pool = try Self.pool()
        let more =
            Array(Self.four.suffix(2)) + [
                Self.instance("e", host: "h5", group: "g1"), Self.instance("f", host: "h6", group: "g2"),
            ]
        var selector = PlacementSelector()
        guard case .add(let added) = try selector.add(more + Self.four, to: pool, kind: .mirrored) else {
            Issue.record("no addition")
            return
        }
        #expect(added.map(\.id) == ["c", "d"])
        #expect(added.map(\.shardSetID) == [2, 2])
        selector.addAllCandidates = true
        guard case .add(let all) = try selector.add(more, to: pool, kind: .mirrored) else { return }
        #expect(Set(all.map(\.shardSetID)) == [2, 3])
        #expect(
            Self.reason { _ = try selector.add(Array(Self.four.prefix(2)), to: pool, kind: .mirrored) }
                == "no new instances found in the valid zone")
        let elsewhere = Self.instance("z", host: "h7", group: "g1", zone: "other")
        #expect(
            Self.reason { _ = try selector.add([elsewhere], to: pool, kind: .mirrored) }
                == "no new instances found in the valid zone")
    }

    @Test func aReplacementInheritsTheShardSet() throws {
        let pool = try Self.pool()
        let candidates = [
            Self.instance("same", host: "h7", group: "g1"), Self.instance("good", host: "h8", group: "g3"),
        ]
        guard
            case .replace(let ids, let new) = try PlacementSelector().replace(
                ["b"], by: candidates, in: pool, kind: .mirrored)
        else {
            Issue.record("no replacement")
            return
        }
        #expect(ids == ["b"])
        #expect(new.map(\.id) == ["good"])
        #expect(new.map(\.shardSetID) == [1])
        let after = try pool.applying(
            .replace(ids, with: new), kind: .mirrored, times: .aggregator(now: 1))
        #expect(after.shards(of: "good").count == 8)
        #expect(
            Self.reason { _ = try PlacementSelector().replace(["x"], by: candidates, in: pool, kind: .mirrored) }
                == "instance x does not exist in placement")
        #expect(
            Self.reason {
                _ = try PlacementSelector().replace(["b"], by: [candidates[0]], in: pool, kind: .mirrored)
            } == "no valid instance for mirror placement in the candidate list")
    }

    @Test func unmirroredAddsOneOfTheLightestIsolationGroup() throws {
        let kind = PlacementKind.sharded(stable: true, allowPartialReplace: false)
        let pool = try Placement.initial(
            Array(Self.four.prefix(3)), kind: kind, numShards: 8, replicaFactor: 1, times: PlacementTimes(now: 0))
        let new = [Self.instance("x", host: "h8", group: "g1"), Self.instance("y", host: "h9", group: "g2")]
        #expect(try PlacementSelector().add(new, to: pool, kind: kind) == .add([new[1]]))
        let fresh = Self.instance("z", host: "h10", group: "g9")
        #expect(try PlacementSelector().add(new + [fresh], to: pool, kind: kind) == .add([fresh]))
    }

    @Test func aReplacementIsAsLightAsCanBe() throws {
        func named(_ id: String, _ weight: UInt32) -> Instance {
            Self.instance(id, host: id, group: id, weight: weight)
        }
        let chosen = PlacementSelector.lightest(
            [named("a", 60), named("b", 50), named("c", 50), named("d", 200)], atLeast: 100)
        #expect(chosen.map(\.id) == ["b", "c"])
        #expect(PlacementSelector.lightest([named("a", 10), named("b", 20)], atLeast: 100).count == 2)
        #expect(
            PlacementSelector.lightest([named("a", 100), named("b", 50), named("c", 50)], atLeast: 100).map(\.id) == [
                "a"
            ])

        let kind = PlacementKind.sharded(stable: true, allowPartialReplace: false)
        let pool = try Placement.initial(
            Array(Self.four.prefix(2)), kind: kind, numShards: 8, replicaFactor: 1, times: PlacementTimes(now: 0))
        let weak = Self.instance("weak", host: "h8", group: "g1", weight: 10)
        #expect(
            Self.reason { _ = try PlacementSelector().replace(["a"], by: [weak], in: pool, kind: kind) }
                == "could not find enough instances to replace a, 90 of weight 100 remain")
    }
}
