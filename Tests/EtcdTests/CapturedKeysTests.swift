import Cluster
import Foundation
import KeyValue
import TestKit
import Testing

@testable import Etcd

/// What a real M3 left in etcd, put into a real etcd again: read as it was, and written back to the same keys.
@Suite struct CapturedKeysTests {
    @Test func everyCapturedKeyIsReadAndWrittenInEtcd() async throws {
        try await withEtcd { _, store in
            let lines = try Fixtures.vectors("etcd.jsonl")
            var counts: [String: Int] = [:]
            for line in lines {
                let key = try #require(line["key"] as? String)
                let bytes = try #require((line["hex"] as? String).flatMap(Fixtures.bytes(hex:)))
                let version = try #require((line["version"] as? NSNumber)?.int64Value)
                _ = try? await store.delete(key)
                for _ in 1..<version { try await store.set(key, []) }
                #expect(try await store.set(key, bytes) == version)
                let stored = try await store.get(key)
                #expect(stored.bytes == bytes)
                #expect(stored.version == version)
                let type = line["type"] as? String ?? ""
                counts[type, default: 0] += 1
                try await rewrite(type, key, version: version, store)
            }
            #expect(lines.count == 21)
            #expect(
                counts == [
                    "topicpb.Topic": 5, "placementpb.Placement": 2, "placementpb.PlacementSnapshots": 6,
                    "ShardSetFlushTimes": 2, "commonpb.BoolProto": 1, "commonpb.Int64Proto": 1,
                    "rulepb.Namespaces": 1, "rulepb.RuleSet": 1, "text": 1, "": 1,
                ])
        }
    }

    /// Through the store of the value's kind, which finds it under M3's key and replaces it at the version that it has.
    private func rewrite(_ type: String, _ key: String, version: Int64, _ store: EtcdStore) async throws {
        let parts = key.split(separator: "/").map(String.init)
        let name = try #require(parts.last)
        switch type {
        case "topicpb.Topic":
            let topics = TopicStore(store: store, environment: "default_env")
            let topic = try #require(try await topics.get(name))
            #expect(topic.version == version)
            #expect(try await topics.checkAndSet(topic.value, version: version) == version + 1)
        case "placementpb.Placement", "placementpb.PlacementSnapshots":
            let placements = PlacementStore(
                store: store, serviceID: ServiceID(name: name, environment: "default_env"))
            #expect(placements.key == key)
            let placement = try #require(try await placements.get())
            #expect(placement.version == version)
            #expect(try await placements.checkAndSet(placement.value, version: version) == version + 1)
            #expect(try await placements.get()?.value.instances == placement.value.instances)
        case "ShardSetFlushTimes":
            let times = FlushTimesStore(store: store, shardSetID: 1, environment: parts[1])
            #expect(times.key == key)
            let found = try #require(try await times.get())
            #expect(found.version == version)
            try await store.set("guard", [])
            let fence = Fence(key: "guard", createRevision: try await store.get("guard").revision)
            #expect(try await times.set(found.value, guardedBy: fence) == version + 1)
            #expect(try await times.get()?.value == found.value)
            try await store.delete("guard")
        case "text":
            let election = EtcdElection(
                client: store.client, service: ServiceID(name: "m3aggregator", environment: "rf2"),
                electionID: ShardSetKeyFormat.election.key(shardSetID: 1), value: "agg05", isCampaigning: false)
            try await eventually("the captured leader is seen") { election.leader?.value == "agg04" }
            #expect(election.leader?.key == key)
            await election.close()
        default: break
        }
    }
}
