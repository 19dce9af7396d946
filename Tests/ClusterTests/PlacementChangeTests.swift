import Foundation
import TestKit
import Testing

@testable import Cluster

@Suite struct PlacementChangeTests {
    private static let minute: Int64 = 60_000_000_000
    private static let start: Int64 = 1_700_000_040_000_000_000

    private static func instance(
        _ id: String, group: String, set: UInt32 = 0, weight: UInt32 = 100
    ) -> Instance {
        Instance(
            id: id, isolationGroup: group, weight: weight, endpoint: "\(id):6000", shardSetID: set, hostname: id,
            port: 6000)
    }

    private static func pair(_ set: UInt32) -> [Instance] {
        [instance("n\(set)a", group: "a", set: set), instance("n\(set)b", group: "b", set: set)]
    }

    private static func times(_ now: Int64) -> PlacementTimes { .aggregator(now: now) }

    /// Loads that shards have to be served with, by instance.
    private static func loads(_ placement: Placement) -> [String: Int] {
        Dictionary(
            uniqueKeysWithValues: placement.instances.map { ($0.id, $0.shards.count { $0.state != .leaving }) }
        ).filter { $0.value > 0 }
    }

    // MARK: Mirrored, as M3's aggregators

    @Test func aNewPoolSharesTheShardsAmongItsSets() throws {
        let now = Self.start + 123
        let placement = try Placement.initial(
            Self.pair(1) + Self.pair(2), kind: .mirrored, numShards: 64, replicaFactor: 2, times: Self.times(now))
        #expect(Self.loads(placement) == ["n1a": 32, "n1b": 32, "n2a": 32, "n2b": 32])
        #expect(placement.isMirrored && placement.isSharded)
        #expect(placement.maxShardSetID == 2)
        let all = placement.instances.flatMap(\.shards)
        #expect(all.allSatisfy { $0.state == .initializing && $0.sourceID.isEmpty })
        #expect(all.allSatisfy { $0.cutoverNanos == Self.start + Self.minute })
        #expect(placement.shards(of: "n1a") == placement.shards(of: "n1b"))
    }

    @Test func cutoversAreWhereWindowsEnd() {
        #expect(PlacementTimes.aggregator(now: 1_700_000_000_123_456_789).shardCutover == 1_700_000_040_000_000_000)
        #expect(PlacementTimes.aggregator(now: Self.start).shardCutover == Self.start)
        // Seven days from year 1 on end on Mondays.
        let week: Int64 = 7 * 86400 * 1_000_000_000
        #expect(
            PlacementTimes.aggregator(now: 1_699_833_600_000_000_001, maxAggregationWindow: week).shardCutover
                == 1_699_833_600_000_000_000 + week)
        #expect(PlacementTimes.aggregator(now: 5, maxAggregationWindow: 1).shardCutover == 5)
        #expect(PlacementTimes.aggregator(now: 5, maxAggregationWindow: 0).shardCutover == 5)
    }

    @Test func aNewSetTakesItsShareFromTheOthersAtOneTime() throws {
        var placement = try Placement.initial(
            Self.pair(1) + Self.pair(2), kind: .mirrored, numShards: 12, replicaFactor: 2, times: Self.times(0))
        let early = Self.times(Self.start)
        placement = try placement.applying(.add(Self.pair(3)), kind: .mirrored, times: early)
        #expect(Self.loads(placement) == ["n1a": 4, "n1b": 4, "n2a": 4, "n2b": 4, "n3a": 4, "n3b": 4])
        for shard in placement.shards(of: "n3a") {
            let source = try #require(placement.instance(shard.sourceID))
            #expect(source.id.hasSuffix("a"))
            #expect(shard.cutoverNanos == Self.start)
            #expect(source.shard(shard.id)?.cutoffNanos == Self.start)
        }
        #expect(placement.shards(of: "n3b").allSatisfy { $0.sourceID.hasSuffix("b") })
        #expect(placement.maxShardSetID == 3)

        // Leaving shards stay for one window behind their cutoff.
        #expect(throws: ClusterError.self) { try placement.markingAllAvailable(times: early) }
        let later = Self.times(Self.start + Self.minute)
        let settled = try placement.markingAllAvailable(times: later)
        try settled.validate()
        #expect(settled.instances.allSatisfy { $0.commonState == .available })

        let removed = try settled.applying(.remove(["n1a", "n1b"]), kind: .mirrored, times: later)
        #expect(Self.loads(removed) == ["n2a": 6, "n2b": 6, "n3a": 6, "n3b": 6])
        #expect(removed.instance("n1a")?.commonState == .leaving)
        let end = try removed.markingAllAvailable(times: Self.times(later.shardCutover + Self.minute))
        #expect(end.instance("n1a") == nil)
    }

    @Test func whatHasNotCutOverIsTakenBack() throws {
        let before = try Placement.initial(
            Self.pair(1) + Self.pair(2), kind: .mirrored, numShards: 12, replicaFactor: 2, times: Self.times(0)
        )
        .markingAllAvailable(times: Self.times(0))
        let now = Self.times(Self.start + 1)
        let added = try before.applying(.add(Self.pair(3)), kind: .mirrored, times: now)
        let undone = try added.applying(.remove(["n3a", "n3b"]), kind: .mirrored, times: now)
        #expect(undone.instances == before.instances)

        let removed = try before.applying(.remove(["n2a", "n2b"]), kind: .mirrored, times: now)
        let back = try removed.applying(.add(Self.pair(2)), kind: .mirrored, times: now)
        #expect(back.instances == before.instances)

        let new = Self.instance("new", group: "b", set: 2)
        let replaced = try before.applying(.replace(["n2b"], with: [new]), kind: .mirrored, times: now)
        let old = try #require(before.instance("n2b"))
        let reverted = try replaced.applying(.replace(["new"], with: [old]), kind: .mirrored, times: now)
        #expect(reverted.instances == before.instances)
    }

    @Test func aReplacementGetsExactlyTheShardsOfWhomItReplaces() throws {
        let before = try Placement.initial(
            Self.pair(1) + Self.pair(2), kind: .mirrored, numShards: 12, replicaFactor: 2, times: Self.times(0))
        let new = Self.instance("new", group: "c", set: 2)
        let after = try before.applying(
            .replace(["n2b"], with: [new]), kind: .mirrored, times: Self.times(Self.start))
        #expect(after.shards(of: "new").map(\.id) == before.shards(of: "n2b").map(\.id))
        #expect(after.shards(of: "new").allSatisfy { $0.sourceID == "n2b" && $0.state == .initializing })
        #expect(after.instance("n2b")?.commonState == .leaving)
        #expect(after.instance("n2a")?.commonState == .available)
    }

    @Test func impossibleChangesSayWhy() throws {
        let placement = try Placement.initial(
            Self.pair(1) + Self.pair(2), kind: .mirrored, numShards: 12, replicaFactor: 2, times: Self.times(0))
        let now = Self.times(Self.start)
        func reason(_ change: PlacementChange) -> String {
            let error = #expect(throws: ClusterError.self) {
                try placement.applying(change, kind: .mirrored, times: now)
            }
            return error.map(\.description) ?? ""
        }
        #expect(reason(.remove(["n1a"])) == "found 1 count of shard set id 1, expecting 2")
        #expect(reason(.remove(["nobody"])) == "instance nobody does not exist in placement")
        #expect(reason(.add(Self.pair(1))) == "instance n1a already exist in the placement")
        let sameGroup = [Self.instance("x", group: "a", set: 3), Self.instance("y", group: "a", set: 3)]
        #expect(reason(.add(sameGroup)) == "found duplicated isolation group a for shardset id 3")
        #expect(
            reason(.replace(["n1a"], with: sameGroup))
                == "could not replace 1 instances with 2 instances for mirrored replace")
        #expect(
            reason(.replace(["n1a"], with: [Self.instance("x", group: "b", set: 1)]))
                == "could not fully replace all shards from n1a, 6 shards left unassigned")
        let weightless = #expect(throws: ClusterError.self) {
            try Placement.initial(
                [Self.instance("x", group: "a", weight: 0)], kind: .sharded(stable: false, allowPartialReplace: false),
                numShards: 4, replicaFactor: 1, times: now)
        }
        #expect(weightless?.description.contains("divide by zero") == true)
        #expect(throws: ClusterError.self) {
            try Placement.initial(
                [Self.instance("x", group: "a")], kind: .unsharded, numShards: 4, replicaFactor: 1, times: now)
        }
    }

    // MARK: M3's own placements

    /// A real M3 took one pair of aggregators in and another one out, and marked shards available in between.
    @Test func theStagesOfARealPoolAreReached() throws {
        var stages: [(stage: String, placement: Placement)] = []
        for line in try Fixtures.vectors("etcd.jsonl") where line["type"] as? String == "placementpb.PlacementSnapshots"
        {
            let bytes = try #require((line["hex"] as? String).flatMap(Fixtures.bytes(hex:)))
            stages.append((try #require(line["stage"] as? String), try Placement(stagedProtobuf: bytes)))
        }
        let pool = stages.filter { $0.stage.contains("RF2") }.map(\.placement)
        #expect(pool.count == 5)
        let (initial, available, added, settled, removed) = (pool[0], pool[1], pool[2], pool[3], pool[4])
        let whenever = PlacementTimes(now: .max)

        // Marking available leaves no choice: equal but for the time of the change.
        #expect(try initial.markingAllAvailable(times: whenever).instances == available.instances)
        #expect(try added.markingAllAvailable(times: whenever).instances == settled.instances)

        // Which shards move is chosen; how many, from where to where and when is not.
        let new = added.instances.filter { available.instance($0.id) == nil }
        let cutover = try #require(new.first?.shards.first?.cutoverNanos)
        let at = PlacementTimes(now: cutover - 1, shardCutover: cutover, shardCutoff: cutover)
        let ours = try available.applying(.add(new), kind: .mirrored, times: at)
        #expect(Self.loads(ours) == Self.loads(added))
        #expect(Self.moves(ours) == Self.moves(added))
        #expect(Set(ours.shards(of: new[0].id).map(\.cutoverNanos)) == [cutover])
        #expect(ours.maxShardSetID == added.maxShardSetID)

        let gone = removed.instances.filter { $0.commonState == .leaving }.map(\.id)
        let cutoff = try #require(removed.instance(gone[0])?.shards.first?.cutoffNanos)
        let then = PlacementTimes(now: cutoff - 1, shardCutover: cutoff, shardCutoff: cutoff)
        let without = try settled.applying(.remove(gone), kind: .mirrored, times: then)
        #expect(Self.loads(without) == Self.loads(removed))
        #expect(Set(without.instance(gone[0])?.shards.map(\.cutoffNanos) ?? []) == [cutoff])
    }

    /// How many shards move from each instance to each.
    private static func moves(_ placement: Placement) -> [String: Int] {
        var counts: [String: Int] = [:]
        for instance in placement.instances {
            for shard in instance.shards where !shard.sourceID.isEmpty {
                counts["\(shard.sourceID) to \(instance.id)", default: 0] += 1
            }
        }
        return counts
    }

    // MARK: Sharded and not sharded

    @Test func sharesFollowTheWeights() throws {
        let placement = try Placement.initial(
            [
                Self.instance("a", group: "1", weight: 1), Self.instance("b", group: "2", weight: 1),
                Self.instance("c", group: "3", weight: 2),
            ], kind: .sharded(stable: true, allowPartialReplace: false), numShards: 100, replicaFactor: 1,
            times: PlacementTimes(now: 0))
        #expect(Self.loads(placement) == ["a": 25, "b": 25, "c": 50])
        #expect(placement.instances.allSatisfy { $0.commonState == .available })
    }

    @Test func coordinatorsAreListed() throws {
        let times = PlacementTimes(now: 0)
        var placement = try Placement.initial(
            [Self.instance("a", group: "")], kind: .unsharded, numShards: 0, replicaFactor: 1, times: times)
        placement = try placement.applying(.add([Self.instance("b", group: "")]), kind: .unsharded, times: times)
        placement = try placement.applying(
            .replace(["a"], with: [Self.instance("c", group: "")]), kind: .unsharded, times: times)
        #expect(placement.instances.map(\.id) == ["b", "c"])
        placement = try placement.applying(.remove(["b"]), kind: .unsharded, times: times)
        #expect(placement.instances.map(\.id) == ["c"])
        func reason(_ change: PlacementChange) -> String {
            #expect(throws: ClusterError.self) {
                try placement.applying(change, kind: .unsharded, times: times)
            }.map(\.description) ?? ""
        }
        #expect(reason(.remove(["b"])) == "instance b not found in placement")
        #expect(reason(.add([Self.instance("c", group: "")])) == "instance c already exist in placement")
    }

    /// Random growth, shrinking and replacement: every placement is valid, and once settled each instance is near its share.
    @Test(arguments: 0..<12 as Range<UInt64>) func randomChangesStayValidAndBalanced(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let isMirrored = seed.isMultiple(of: 2)
        let kind: PlacementKind = isMirrored ? .mirrored : .sharded(stable: false, allowPartialReplace: true)
        var nextID: UInt32 = 3
        var now: Int64 = 0
        func more() -> [Instance] {
            defer { nextID += 1 }
            return isMirrored
                ? Self.pair(nextID) : [Self.instance("n\(nextID)", group: ["a", "b", "c"][Int(nextID % 3)])]
        }
        let first = isMirrored ? Self.pair(1) + Self.pair(2) : more() + more() + more()
        var placement = try Placement.initial(
            first, kind: kind, numShards: 48, replicaFactor: 2, times: Self.times(now))
        var changes = 0
        for _ in 0..<40 {
            now += 10 * Self.minute
            let times = Self.times(now)
            placement = try placement.markingAllAvailable(times: times)
            try placement.validate()
            let sets = Dictionary(grouping: placement.instances) { isMirrored ? "\($0.shardSetID)" : $0.id }
            let victims = try #require(
                sets.sorted { $0.key < $1.key }.map(\.value).dropFirst(
                    Int(random.next(below: UInt64(sets.count)))
                ).first)
            let change: PlacementChange
            switch random.next(below: 3) {
            case 0: change = .add(more())
            case 1 where sets.count > 4: change = .remove(victims.map(\.id))
            default:
                var new = victims[0]
                new.id = "r\(changes)"
                new.setShards([])
                change = .replace([victims[0].id], with: [new])
            }
            let before = placement
            placement = try placement.applying(change, kind: kind, times: times)
            changes += 1
            // Nothing moves that need not: what stays with an instance keeps its state.
            for instance in before.instances {
                for shard in instance.shards {
                    let held = try #require(placement.instance(instance.id)?.shard(shard.id))
                    #expect(held.state == .available || held.state == .leaving)
                }
            }
            let loads = Self.loads(placement)
            #expect(loads.values.reduce(0, +) == 96)
            if isMirrored {
                let spread = (loads.values.max() ?? 0) - (loads.values.min() ?? 0)
                #expect(spread <= 48 / 4 + 2, "\(loads)")
            }
        }
        #expect(changes == 40)
    }
}
