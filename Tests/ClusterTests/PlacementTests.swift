import ControlProtocol
import KeyValue
import SwiftProtobuf
import TestKit
import Testing

@testable import Cluster

@Suite struct PlacementTests {
    private static func instance(_ id: String, _ shards: [ShardAssignment] = [], shardSetID: UInt32 = 0) -> Instance {
        Instance(
            id: id, isolationGroup: id, weight: 1, endpoint: "\(id):6000", shards: shards, shardSetID: shardSetID,
            hostname: id, port: 6000)
    }

    private static func shards(_ ids: UInt32..., state: ShardAssignment.State = .available) -> [ShardAssignment] {
        ids.map { ShardAssignment(id: $0, state: state) }
    }

    private static func sharded(_ instances: [Instance], replicas: UInt32 = 1, maxShardSetID: UInt32 = 9) -> Placement {
        Placement(
            instances: instances, replicaFactor: replicas, numShards: 4, isSharded: true, maxShardSetID: maxShardSetID)
    }

    @Test func theInitialShardedPlacementGivesAllShardsToItsInstance() throws {
        let placement = try Placement.initial(sharded: Self.instance("a"), numShards: 64)
        #expect(placement.shards(of: "a").map(\.id) == Array(0..<64))
        #expect(placement.shards(of: "a").allSatisfy { $0.state == .available && $0.isEffective(at: 0) })
        #expect(placement.instance("a")?.commonState == .available)
        for shard in UInt32(0)..<64 { #expect(placement.owners(of: shard).map(\.id) == ["a"]) }
        #expect(placement.owners(of: 64).isEmpty)
        #expect(placement.shards(of: "b").isEmpty)
        #expect(try Placement(stagedProtobuf: placement.stagedProtobuf()) == placement)
    }

    @Test func theCoordinatorsPlacementHasM3sBytes() throws {
        let placement = try Placement.initial(unsharded: [
            Instance(
                id: "m3coordinator01", isolationGroup: "", endpoint: "m3coordinator01:7507",
                hostname: "m3coordinator01", port: 7507)
        ])
        let hex =
            "0a5a0a0f6d33636f6f7264696e61746f72303112470a0f6d33636f6f7264696e61746f7230311a08656d626564646564"
            + "2a146d33636f6f7264696e61746f7230313a37353037420f6d33636f6f7264696e61746f72303148d33a52001001"
        #expect(try placement.protobuf().hex == hex)
        let compressed =
            "28b52ffd0400d50100e4020a5a0a0f6d33636f6f7264696e61746f72303112471a08656d6265646465642a143a37353037"
            + "4248d33a5200100103005421c56797da3c99aa128f4c"
        let frame = try #require(Fixtures.bytes(hex: compressed))
        #expect(try ZstdFrame.decompress(frame, what: "placement") == Fixtures.bytes(hex: hex))
    }

    @Test func compressedBytesAreLimitedAndChecked() throws {
        // 100 MB of zeros: a frame header without content size, then RLE blocks of 128 KiB.
        var bomb: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]
        let blocks = 800
        for block in 0..<blocks {
            let header = UInt32(131_072) << 3 | 1 << 1 | (block == blocks - 1 ? 1 : 0)
            bomb += [UInt8(header & 255), UInt8(header >> 8 & 255), UInt8(header >> 16), 0]
        }
        let error = #expect(throws: ClusterError.self) { try ZstdFrame.decompress(bomb, what: "placement") }
        #expect(error?.description == "can't decode placement: zstd: more than 33554432 bytes when decompressed")
        #expect(try ZstdFrame.decompress(bomb, what: "placement", limit: 131_072 * blocks).count == 131_072 * blocks)
        let short = #expect(throws: ClusterError.self) {
            try ZstdFrame.decompress(Array(bomb.prefix(20)), what: "placement")
        }
        #expect(short?.description == "can't decode placement: zstd: the frame is cut short")
        #expect(throws: ClusterError.self) { try ZstdFrame.decompress([1, 2, 3, 4, 5, 6], what: "placement") }
        #expect(throws: ClusterError.self) { try ZstdFrame.decompress([], what: "placement") }
    }

    @Test func duringAMoveBothOwnersAreListed() throws {
        let placement = Self.sharded([
            Self.instance(
                "a",
                Self.shards(0, 1, 2) + [ShardAssignment(id: 3, state: .leaving, cutoffNanos: 100)]),
            Self.instance("b", [ShardAssignment(id: 3, state: .initializing, sourceID: "a", cutoverNanos: 100)]),
        ])
        try placement.validate()
        #expect(placement.owners(of: 3).map(\.id) == ["a", "b"])
        #expect(placement.owners(of: 3).map { $0.shard(3)?.isEffective(at: 99) } == [true, false])
        #expect(placement.owners(of: 3).map { $0.shard(3)?.isEffective(at: 100) } == [false, true])
        #expect(placement.instance("a")?.commonState == nil)
        #expect(placement.instance("b")?.commonState == .initializing)
        #expect(try Placement(protobuf: placement.protobuf()) == placement)
    }

    @Test func whatM3RefusesIsRefused() {
        var noEndpoint = Self.instance("a", Self.shards(0, 1, 2, 3))
        noEndpoint.endpoint = ""
        var subclustered = Self.instance("a", Self.shards(0, 1, 2, 3))
        subclustered.subclusterID = 1
        let all = Self.shards(0, 1, 2, 3)
        let moving = ShardAssignment(id: 3, state: .initializing, sourceID: "b")
        let cases: [(Placement, String)] = [
            (Placement(instances: [], replicaFactor: 1, isMirrored: true), "a mirrored placement must be sharded"),
            (
                Placement(instances: [], replicaFactor: 1, isSubclustered: true),
                "a subclustered placement must be sharded"
            ),
            (
                Placement(instances: [], replicaFactor: 1, numShards: 70_000, isSharded: true),
                "num_shards is 70000, the limit is 65536"
            ),
            (Self.sharded([noEndpoint]), "instance a does not contain valid endpoint"),
            (
                Self.sharded([Self.instance("a", all), Self.instance("b")]),
                "instance b contains no shard in a sharded placement"
            ),
            (
                Placement(instances: [Self.instance("a", all)], replicaFactor: 1, numShards: 4),
                "instance a contains shards in a non-sharded placement"
            ),
            (
                Self.sharded([subclustered]),
                "instance a has subcluster id 1 in a placement that is not subclustered"
            ),
            (
                Self.sharded([Self.instance("a", all, shardSetID: 10)]),
                "instance a has shard set id 10, more than the maximum 9"
            ),
            (
                Self.sharded([Self.instance("a", all + Self.shards(4))]),
                "instance a has shard 4, shard ids must be below 4"
            ),
            (
                Self.sharded(
                    [
                        Self.instance("a", Self.shards(0, 1), shardSetID: 1),
                        Self.instance("b", Self.shards(2, 3), shardSetID: 1),
                    ]),
                "instances a and b share shard set id 1 but own different shards"
            ),
            (
                Self.sharded([Self.instance("a", all), Self.instance("b", Self.shards(1, state: .leaving))]),
                "invalid placement, 1 shards in Leaving state, more than 0 in Initializing state"
            ),
            (
                Self.sharded([
                    Self.instance("a", Self.shards(0, 1, 2) + Self.shards(3, state: .initializing)),
                    Self.instance("b", Self.shards(3, state: .leaving)),
                ]),
                "invalid placement, 1 shards in Leaving state, not equal 0 in Initializing state with source id"
            ),
            (
                Self.sharded([Self.instance("a", Self.shards(0, 1, 2))]),
                "invalid placement, the total available shards in the placement is 3, expecting 4"
            ),
            (
                Self.sharded([Self.instance("a", Self.shards(0, 1, 2)), Self.instance("b", Self.shards(1))]),
                "invalid shard count for shard 1: expected 1, actual 2"
            ),
            (
                Self.sharded([
                    Self.instance("a", Self.shards(0, 1, 2) + [moving]),
                    Self.instance("c", Self.shards(3, state: .leaving)),
                ]),
                "instance a: initializing shard 3 comes from b, which is not in the placement"
            ),
            (
                Self.sharded([
                    Self.instance("a", Self.shards(0, 1) + [moving]),
                    Self.instance("b", Self.shards(2)),
                    Self.instance("c", Self.shards(3, state: .leaving)),
                ]),
                "instance a: initializing shard 3 comes from b, where it is not leaving"
            ),
            (
                Self.sharded(
                    [
                        Self.instance("a", Self.shards(0, 1, 2) + [moving]),
                        Self.instance("b", Self.shards(3, state: .leaving)),
                        Self.instance("c", Self.shards(0, 1, 2) + [moving]),
                        Self.instance("d", Self.shards(3, state: .leaving)),
                    ], replicas: 2),
                "instance c: initializing shard 3 comes from b, as another instance's copy does"
            ),
        ]
        for (placement, message) in cases {
            let error = #expect(throws: ClusterError.self) { try placement.protobuf() }
            #expect(error?.description == "invalid placement: \(message)")
        }
    }

    /// M3 stores placements that miss the maximum shard set id, and reads them.
    @Test func whatIsReadMayBreakRulesForWriting() throws {
        let lax = Self.sharded([Self.instance("a", Self.shards(0, 1, 2), shardSetID: 3)], maxShardSetID: 0)
        #expect(throws: ClusterError.self) { try lax.protobuf() }
        let bytes = try ProtobufCoding.encode(lax.message, what: "placement")
        #expect(try Placement(protobuf: bytes) == lax)

        let outside = Self.sharded([Self.instance("a", Self.shards(0, 4))])
        let outsideBytes = try ProtobufCoding.encode(outside.message, what: "placement")
        let error = #expect(throws: ClusterError.self) { try Placement(protobuf: outsideBytes) }
        #expect(error?.description == "invalid placement: instance a has shard 4, shard ids must be below 4")
    }

    @Test func theStagedFormTakesTheLatestSnapshotAndWritesItAsEffectiveAtOnce() throws {
        var snapshots = Placementpb_PlacementSnapshots()
        for (cutover, id) in [(5, "old"), (9, "latest"), (7, "middle")] as [(Int64, String)] {
            var placement = try Placement.initial(sharded: Self.instance(id), numShards: 4)
            placement.cutoverTimeNanos = cutover
            snapshots.snapshots.append(placement.message)
        }
        let latest = try Placement(stagedProtobuf: snapshots.serializedBytes())
        #expect(latest.instances.map(\.id) == ["latest"])
        #expect(latest.cutoverTimeNanos == 9)
        #expect(try Placement(stagedProtobuf: latest.stagedProtobuf()).cutoverTimeNanos == 0)
    }

    @Test func ofEqualShardsTheLastCounts() {
        let instance = Self.instance(
            "a", [ShardAssignment(id: 2, state: .available), ShardAssignment(id: 1, state: .leaving)] + Self.shards(1))
        #expect(instance.shards.map(\.id) == [1, 2])
        #expect(instance.shard(1)?.state == .available)
        #expect(instance.shard(0) == nil)
        #expect(instance.shard(3) == nil)
    }

    @Test func damagedBytesNeverTrap() throws {
        let placement = try Placement.initial(sharded: Self.instance("a"), numShards: 4)
        let bytes = try placement.stagedProtobuf()
        for index in bytes.indices {
            _ = try? Placement(stagedProtobuf: Array(bytes[..<index]))
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                _ = try? Placement(stagedProtobuf: damaged)
                _ = try? Placement(protobuf: damaged)
            }
        }
        #expect(throws: ClusterError.undecodable(what: "placement snapshots", reason: "placement snapshots is empty")) {
            try Placement(stagedProtobuf: [])
        }
        #expect(throws: ClusterError.self) { try Placement(stagedProtobuf: [0x10, 0x07]) }
    }

    @Test func theFormFollowsTheService() async throws {
        try await withStore { store in
            let aggregator = PlacementStore(
                store: store, serviceID: ServiceID(name: "m3aggregator", environment: "e/f"))
            #expect(aggregator.form == .staged)
            #expect(aggregator.key == "/placement/e/f/m3aggregator")
            let coordinator = PlacementStore(store: store, serviceID: ServiceID(name: "m3coordinator", environment: ""))
            #expect(coordinator.form == .plain)
            #expect(coordinator.key == "_sd.placement/m3coordinator")

            let placement = try Placement.initial(sharded: Self.instance("a"), numShards: 4)
            #expect(try await aggregator.checkAndSet(placement, version: 0) == 1)
            #expect(try await aggregator.get() == Versioned(value: placement, version: 1))
            #expect(try await store.get(aggregator.key).bytes == placement.stagedProtobuf())
            await #expect(throws: ClusterError.self) { try await aggregator.checkAndSet(placement, version: 0) }
        }
    }

    @Test func endpointsAreReadAndRefused() throws {
        #expect(try Endpoint(parsing: "host:6000") == Endpoint(host: "host", port: 6000))
        #expect(try Endpoint(parsing: "[::1]:0") == Endpoint(host: "::1", port: 0))
        for text in ["127.0.0.1:7507", "[fe80::1]:65535"] { #expect(try Endpoint(parsing: text).description == text) }
        for text in ["", "host", ":80", "host:", "host:x", "host:-1", "host:+1", "host:65536", "::1:80", "[]:80"] {
            let error = #expect(throws: ClusterError.self) { try Endpoint(parsing: text) }
            #expect(error?.description.hasPrefix("invalid endpoint '\(text)': ") == true)
        }
    }
}
