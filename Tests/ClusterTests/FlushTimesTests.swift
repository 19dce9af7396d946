import Foundation
import KeyValue
import TestKit
import Testing

@testable import Cluster

@Suite struct FlushTimesTests {
    private static let time: Int64 = 1_700_000_005_123_456_789
    private static let second: Int64 = 1_000_000_000

    @Test func allKindsOfListsHaveM3sBytes() throws {
        var shard = FlushTimes.Shard()
        shard.standard = [10 * Self.second: Self.time]
        shard.timed = [10 * Self.second: Self.time - 11 * Self.second]
        shard.forwarded = [60 * Self.second: [1: Self.time - 60 * Self.second]]
        let times = FlushTimes(byShard: [3: shard])
        let expected =
            "0a410803123d0a100880c8afa0251095feaebcf69fe7cb171a170880b09dc2df01120e0a0c08011095ce91fa969ee7cb17"
            + "22100880c8afa0251095a294bfcd9fe7cb17"
        #expect(try times.protobuf().hex == expected)
        #expect(try FlushTimes(protobuf: #require(Fixtures.bytes(hex: expected))) == times)
    }

    @Test func aTombstoneHasM3sBytes() throws {
        var shard = FlushTimes.Shard()
        shard.standard = [10 * Self.second: Self.time]
        shard.isTombstoned = true
        let times = FlushTimes(byShard: [7: shard])
        let expected = "0a18080712140a100880c8afa0251095feaebcf69fe7cb171001"
        #expect(try times.protobuf().hex == expected)
        #expect(try FlushTimes(protobuf: #require(Fixtures.bytes(hex: expected))) == times)
    }

    /// A list that was never flushed is there with the value 0, which M3 may leave out inside the entry.
    @Test func zerosSurvive() throws {
        var shard = FlushTimes.Shard()
        shard.standard = [10 * Self.second: 0]
        let times = FlushTimes(byShard: [0: shard])
        #expect(try FlushTimes(protobuf: times.protobuf()) == times)
        // byShard entry without its key (0), with a standard entry that has its key only.
        let sparse: [UInt8] = [0x0a, 0x0a, 0x12, 0x08, 0x0a, 0x06, 0x08, 0x80, 0xc8, 0xaf, 0xa0, 0x25]
        #expect(try FlushTimes(protobuf: sparse) == times)
    }

    @Test func anEmptyValueHasNoShards() throws {
        #expect(try FlushTimes(protobuf: []) == FlushTimes())
        #expect(try FlushTimes().protobuf() == [])
    }

    @Test func damagedBytesAreUndecodable() {
        let error = #expect(throws: ClusterError.self) { try FlushTimes(protobuf: [0x0a, 0x41, 0x08]) }
        guard case .undecodable(let what, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(what == "flush times")
    }

    @Test func aShardHasFlushedWhenAllItsListsHave() {
        var shard = FlushTimes.Shard()
        shard.standard = [10: 100, 60: 90]
        shard.timed = [10: 95]
        shard.forwarded = [60: [1: 92, 2: 91]]
        let times = FlushTimes(byShard: [3: shard, 4: FlushTimes.Shard()])
        #expect(times.hasFlushed(3, upTo: 90))
        #expect(!times.hasFlushed(3, upTo: 91))
        #expect(times.hasFlushed(4, upTo: .max))
        #expect(!times.hasFlushed(5, upTo: 0))
    }

    @Test func theStoreWritesUnderM3sKeyOnlyWhileTheTermLasts() async throws {
        try await withStore { store in
            let prefix = ControlKeys.election(
                ShardSetKeyFormat.election.key(shardSetID: 2), service: ServiceID(name: "m3aggregator"))
            let election = try await EmbeddedElection(store: store, prefix: prefix, value: "a")
            let times = FlushTimesStore(store: store, shardSetID: 2)
            #expect(times.key == "_kv/default_env/shardset/2/flush")
            #expect(try await times.get() == nil)
            let value = FlushTimes(byShard: [1: FlushTimes.Shard()])
            let fence = try #require(election.fence)
            #expect(try await times.set(value, guardedBy: fence) == 1)
            #expect(try await times.set(value, guardedBy: fence) == 2)
            #expect(try await times.get() == Versioned(value: value, version: 2))
            await election.close()
            await #expect(throws: ClusterError.keyValue(.fenced(key: times.key, guard: fence.key))) {
                try await times.set(FlushTimes(), guardedBy: fence)
            }
            let next = try await EmbeddedElection(store: store, prefix: prefix, value: "a")
            #expect(try #require(next.state.term) > fence.createRevision)
            #expect(try await times.set(FlushTimes(), guardedBy: try #require(next.fence)) == 3)
            await next.close()
        }
    }

    @Test func keyFormatsAreM3s() throws {
        let slashed = try ShardSetKeyFormat(parsing: "/shardset/%d/flush")
        #expect(
            ControlKeys.flushTimes(shardSetID: 0, environment: "e", format: slashed) == "_kv/e//shardset/0/flush")
        #expect(try ShardSetKeyFormat(parsing: "shardset/%d/lock") == .election)
        #expect(ShardSetKeyFormat.election.description == "shardset/%d/lock")
        for wrong in ["shardset/lock", "shardset/%s/lock", "%d/%d", "a%", ""] {
            #expect(throws: ClusterError.self) { try ShardSetKeyFormat(parsing: wrong) }
        }
        let service = ServiceID(name: "m3aggregator", environment: "")
        #expect(ControlKeys.election("", service: service) == "_ld/m3aggregator/default")
    }
}
