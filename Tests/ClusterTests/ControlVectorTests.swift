import ControlProtocol
import Foundation
import KeyValue
import SwiftProtobuf
import TestKit
import Testing

@testable import Cluster

/// Values that a real M3 left in etcd, and the keys it put them under.
@Suite struct ControlVectorTests {
    private struct Entry {
        var key: String
        var type: String
        var bytes: [UInt8]
        var lease: Int64
        var decoded: Any?
    }

    private static func etcd() throws -> [Entry] {
        try Fixtures.vectors("etcd.jsonl").map { line in
            Entry(
                key: try #require(line["key"] as? String), type: line["type"] as? String ?? "",
                bytes: try #require((line["hex"] as? String).flatMap(Fixtures.bytes(hex:))),
                lease: (line["lease"] as? NSNumber)?.int64Value ?? 0, decoded: line["decoded"])
        }
    }

    @Test func everyKindOfValueInEtcdIsRead() throws {
        var counts: [String: Int] = [:]
        for entry in try Self.etcd() {
            counts[entry.type, default: 0] += 1
            switch entry.type {
            case "topicpb.Topic": try topic(entry)
            case "placementpb.Placement": try plainPlacement(entry)
            case "placementpb.PlacementSnapshots": try stagedPlacement(entry)
            case "ShardSetFlushTimes": try flushTimes(entry)
            case "text": try candidate(entry)
            case "commonpb.BoolProto":
                #expect(try Commonpb_BoolProto(serializedBytes: entry.bytes).value == true)
            case "commonpb.Int64Proto":
                #expect(try Commonpb_Int64Proto(serializedBytes: entry.bytes).value == 0)
            default: continue
            }
        }
        #expect(
            counts == [
                "topicpb.Topic": 5, "placementpb.Placement": 2, "placementpb.PlacementSnapshots": 6,
                "ShardSetFlushTimes": 2, "commonpb.BoolProto": 1, "commonpb.Int64Proto": 1,
                "rulepb.Namespaces": 1, "rulepb.RuleSet": 1, "text": 1, "": 1,
            ])
    }

    private func topic(_ entry: Entry) throws {
        let topic = try Topic(protobuf: entry.bytes)
        #expect(try topic.protobuf() == entry.bytes)
        #expect(ControlKeys.topic(topic.name, environment: "default_env") == entry.key)
        let json = try #require(entry.decoded as? [String: Any])
        #expect(topic.name == json["name"] as? String)
        #expect(Int(topic.numberOfShards) == json["numberOfShards"] as? Int)
        #expect(topic.consumerServices.count == (json["consumerServices"] as? [Any])?.count)
    }

    private func plainPlacement(_ entry: Entry) throws {
        let placement = try Placement(protobuf: entry.bytes)
        #expect(try sameMapEntries(placement.protobuf(), entry.bytes, in: Placementpb_Placement.self))
        #expect(ControlKeys.placement(service: "m3coordinator", environment: "default_env") == entry.key)
        try agrees(placement, try #require(entry.decoded as? [String: Any]))
    }

    private func stagedPlacement(_ entry: Entry) throws {
        let placement = try Placement(stagedProtobuf: entry.bytes)
        #expect(try sameMapEntries(placement.stagedProtobuf(), entry.bytes, in: Placementpb_PlacementSnapshots.self))
        #expect(ControlKeys.stagedPlacement(service: "m3aggregator", environment: "default_env") == entry.key)
        let json = try #require(entry.decoded as? [String: Any])
        try agrees(placement, try #require((json["snapshots"] as? [[String: Any]])?.first))
    }

    private func flushTimes(_ entry: Entry) throws {
        let times = try FlushTimes(protobuf: entry.bytes)
        #expect(try sameMapEntries(times.protobuf(), entry.bytes, in: Flushpb_ShardSetFlushTimes.self))
        let json = try #require(entry.decoded as? [String: Any])
        let byShard = try #require(json["byShard"] as? [String: [String: Any]])
        #expect(Set(times.byShard.keys.map(String.init)) == Set(byShard.keys))
        for (shard, expected) in byShard {
            let lists = try #require(UInt32(shard).flatMap { times.byShard[$0] })
            #expect(texts(lists.standard) == expected["standardByResolution"] as? [String: String] ?? [:])
            #expect(texts(lists.timed) == expected["timedByResolution"] as? [String: String] ?? [:])
            let forwarded = expected["forwardedByResolution"] as? [String: [String: [String: String]]] ?? [:]
            #expect(lists.forwarded.count == forwarded.count)
            for (resolution, byCount) in forwarded {
                let found = Int64(resolution).flatMap { lists.forwarded[$0] } ?? [:]
                #expect(texts(found) == byCount["byNumForwardedTimes"])
            }
        }
        let parts = entry.key.split(separator: "/")
        let shardSetID = try #require(parts.dropLast().last.flatMap { UInt32($0) })
        let environment = try #require(parts.dropFirst().first)
        #expect(ControlKeys.flushTimes(shardSetID: shardSetID, environment: String(environment)) == entry.key)
    }

    /// A candidate's key ends with the id of its lease, and its value is the instance's id.
    private func candidate(_ entry: Entry) throws {
        let service = ServiceID(name: "m3aggregator", environment: "rf2")
        let prefix = ControlKeys.election(ShardSetKeyFormat.election.key(shardSetID: 1), service: service)
        #expect(entry.key == "\(prefix)/\(String(entry.lease, radix: 16))")
        #expect(String(decoding: entry.bytes, as: UTF8.self) == entry.decoded as? String)
        var machine = ElectionMachine(options: .init(prefix: prefix, value: "agg04", ttlSeconds: 10))
        #expect(machine.advance(at: 0).contains(.grantLease))
        machine.handle(.leaseGranted(lease: entry.lease, ttlSeconds: 10, sentAt: 0), at: 1)
        #expect(machine.advance(at: 1).contains(.register(key: entry.key, lease: entry.lease)))
    }

    private func texts(_ times: [some BinaryInteger: Int64]) -> [String: String] {
        Dictionary(uniqueKeysWithValues: times.map { ("\($0)", "\($1)") })
    }

    @Test func everyCapturedPlacementIsReadAndWritten() throws {
        let lines = try Fixtures.vectors("placement.jsonl")
        var counts: [String: Int] = [:]
        for line in lines {
            let kind = try #require(line["kind"] as? String)
            counts[kind, default: 0] += 1
            let bytes = try #require((line["hex"] as? String).flatMap(Fixtures.bytes(hex:)))
            let input = try #require(line["input"] as? [String: Any])
            let placement: Placement
            switch kind {
            case "placement":
                placement = try Placement(protobuf: bytes)
                let written = try ProtobufCoding.encode(placement.message, what: kind)
                #expect(try sameMapEntries(written, bytes, in: Placementpb_Placement.self))
            case "placement_snapshots":
                placement = try Placement(stagedProtobuf: bytes)
                var snapshots = Placementpb_PlacementSnapshots()
                snapshots.snapshots = [placement.message]
                let written = try ProtobufCoding.encode(snapshots, what: kind)
                #expect(try sameMapEntries(written, bytes, in: Placementpb_PlacementSnapshots.self))
            default:
                placement = try Placement(stagedProtobuf: bytes)
            }
            try agrees(placement, input)
        }
        #expect(lines.count == 9)
        #expect(
            counts == ["placement": 3, "placement_snapshots": 3, "placement_snapshots_compressed": 3])
    }

    /// The same bytes but for the order of map entries.
    private func sameMapEntries<M: Message & Equatable>(
        _ written: [UInt8], _ captured: [UInt8], in type: M.Type
    ) throws -> Bool {
        let equal = try M(serializedBytes: written) == M(serializedBytes: captured)
        return equal && written.count == captured.count && written.sorted() == captured.sorted()
    }

    private func agrees(_ placement: Placement, _ json: [String: Any]) throws {
        let instances = json["instances"] as? [String: [String: Any]] ?? [:]
        #expect(placement.instances.map(\.id) == instances.keys.sorted())
        #expect(Int(placement.replicaFactor) == json["replicaFactor"] as? Int ?? 0)
        #expect(Int(placement.numShards) == json["numShards"] as? Int ?? 0)
        #expect(placement.isSharded == json["isSharded"] as? Bool ?? false)
        #expect(placement.isMirrored == json["isMirrored"] as? Bool ?? false)
        #expect(Int(placement.maxShardSetID) == json["maxShardSetId"] as? Int ?? 0)
        #expect("\(placement.cutoverTimeNanos)" == json["cutoverTime"] as? String ?? "0")
        for instance in placement.instances {
            let expected = try #require(instances[instance.id])
            #expect(instance.isolationGroup == expected["isolationGroup"] as? String ?? "")
            #expect(instance.zone == expected["zone"] as? String ?? "")
            #expect(Int(instance.weight) == expected["weight"] as? Int ?? 0)
            #expect(instance.endpoint == expected["endpoint"] as? String ?? "")
            #expect(Int(instance.shardSetID) == expected["shardSetId"] as? Int ?? 0)
            #expect(instance.hostname == expected["hostname"] as? String ?? "")
            #expect(Int(instance.port) == expected["port"] as? Int ?? 0)
            let shards = expected["shards"] as? [[String: Any]] ?? []
            #expect(instance.shards.count == shards.count)
            for (shard, fields) in zip(instance.shards, shards) {
                let state: ShardAssignment.State =
                    switch fields["state"] as? String {
                    case "AVAILABLE": .available
                    case "LEAVING": .leaving
                    default: .initializing
                    }
                #expect(Int(shard.id) == fields["id"] as? Int ?? 0)
                #expect(shard.state == state)
                #expect(shard.sourceID == fields["sourceId"] as? String ?? "")
                #expect("\(shard.cutoverNanos)" == fields["cutoverNanos"] as? String ?? "0")
                #expect("\(shard.cutoffNanos)" == fields["cutoffNanos"] as? String ?? "\(Int64.max)")
            }
        }
    }
}
