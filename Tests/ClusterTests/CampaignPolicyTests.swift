import Testing

@testable import Cluster

/// Times in seconds; the offset before a cutoff is 30.
@Suite struct CampaignPolicyTests {
    private static let second: Int64 = 1_000_000_000

    private static func instance(_ id: String, set: UInt32 = 1, _ shards: [ShardAssignment]) -> Instance {
        Instance(
            id: id, isolationGroup: id, endpoint: "\(id):1", shards: shards, shardSetID: set, hostname: id, port: 1)
    }

    private static func shard(
        _ id: UInt32, _ state: ShardAssignment.State = .available, from cutover: Int64 = 0, to cutoff: Int64? = nil
    ) -> ShardAssignment {
        ShardAssignment(
            id: id, state: state, cutoverNanos: cutover * second,
            cutoffNanos: cutoff.map { $0 * second } ?? ShardAssignment.never)
    }

    private static func wants(
        _ instances: [Instance], flushedUpTo: Int64? = nil, at now: Int64
    ) -> Bool? {
        var times: FlushTimes?
        if let flushedUpTo {
            var shard = FlushTimes.Shard()
            shard.standard = [10 * second: flushedUpTo * second]
            times = FlushTimes(byShard: [1: shard, 2: shard])
        }
        let placement = Placement(instances: instances, replicaFactor: 1, numShards: 4, isSharded: true)
        return CampaignPolicy().shouldCampaign("me", in: placement, flushTimes: times, at: now * second)
    }

    @Test func whoIsNotPlacedDoesNotStandAndWhoHasNoShardDoes() {
        #expect(Self.wants([], at: 100) == false)
        #expect(Self.wants([Self.instance("other", [Self.shard(1)])], at: 100) == false)
        #expect(Self.wants([Self.instance("me", [])], at: 100) == true)
    }

    @Test func aShardThatIsOnIsEnough() {
        #expect(Self.wants([Self.instance("me", [Self.shard(1), Self.shard(2, from: 500)])], at: 100) == true)
        #expect(Self.wants([Self.instance("me", [Self.shard(1, from: 100)])], at: 100) == true)
    }

    @Test func beforeTheFirstCutoverNobodyStands() {
        #expect(
            Self.wants([Self.instance("me", [Self.shard(1, from: 101), Self.shard(2, from: 102)])], at: 100) == false)
    }

    @Test func aMemberThatIsCutOffLeadsUntilAllIsFlushed() {
        let me = Self.instance("me", [Self.shard(1, .leaving, to: 200), Self.shard(2, .leaving, to: 200)])
        #expect(Self.wants([me], at: 169) == true)
        #expect(Self.wants([me], at: 170) == true)
        #expect(Self.wants([me], flushedUpTo: 199, at: 300) == true)
        #expect(Self.wants([me], flushedUpTo: 200, at: 300) == false)
    }

    @Test func aReplacementTakesOverHalfAMinuteBeforeTheCutoff() {
        let me = Self.instance("me", [Self.shard(1, .leaving, to: 200), Self.shard(2, .leaving, to: 200)])
        let new = Self.instance(
            "new", [Self.shard(1, .initializing, from: 200), Self.shard(2, .initializing, from: 200)])
        #expect(Self.wants([me, new], at: 169) == true)
        #expect(Self.wants([me, new], at: 170) == false)
        for other in [
            Self.instance("new", set: 2, new.shards), Self.instance("new", [new.shards[0]]),
            Self.instance("new", [Self.shard(1, .initializing, from: 200), Self.shard(2, .initializing, from: 201)]),
            Self.instance("new", [Self.shard(1, from: 200), Self.shard(2, from: 200)]),
        ] {
            #expect(Self.wants([me, other], at: 170) == true)
        }
    }

    @Test func shardsThatFitNoRuleChangeNothing() {
        let me = Self.instance("me", [Self.shard(1, to: 100), Self.shard(2, from: 500)])
        #expect(Self.wants([me], at: 200) == nil)
    }

    @Test func peersShareTheShardSet() {
        let placement = Placement(
            instances: [
                Self.instance("a", [Self.shard(1)]), Self.instance("b", [Self.shard(1)]),
                Self.instance("c", set: 2, [Self.shard(2)]),
            ], replicaFactor: 2, numShards: 4)
        #expect(placement.isPeer("b", of: "a"))
        for other in ["a", "c", "unknown"] { #expect(!placement.isPeer(other, of: "a")) }
        #expect(!placement.isPeer("b", of: "unknown"))
    }
}
