import Cluster
import Foundation
import KeyValue
import TestKit
import Testing
import Transport

@testable import ControlAPI

@Suite struct AdminPlacementTests {
    private static let minute: Int64 = 60_000_000_000

    private func pool(_ pairs: ClosedRange<Int>, shards: Int = 4) -> String {
        "{\"num_shards\":\(shards),\"replication_factor\":2,\"instances\":[\(instances(pairs))]}"
    }

    private func instances(_ pairs: ClosedRange<Int>) -> String {
        pairs.flatMap { pair in
            ["a", "b"].map { instanceJSON("\($0)\(pair)", group: $0, host: "\($0)\(pair)", port: 6000) }
        }.joined(separator: ",")
    }

    private func placements(_ store: any KeyValueStore, _ service: String = "m3aggregator") -> PlacementStore {
        PlacementStore(store: store, serviceID: ServiceID(name: service))
    }

    @Test(arguments: StoreKind.allCases) func aPoolGrowsShrinksAndIsRepaired(_ kind: StoreKind) async throws {
        try await kind.withStore { store async throws in
            let client = Client(store)
            #expect(try await client.placement("m3aggregator", "POST", "/init", self.pool(1...2)).status == 200)

            // Fresh shards are initializing, so that changes need force, and wait for the cutover.
            let add = { (pair: Int, force: Bool) in
                "{\"instances\":[\(self.instances(pair...pair))],\"force\":\(force)}"
            }
            #expect(
                try await client.placement("m3aggregator", "POST", "", add(3, false))
                    == failure(400, "instances do not have all shards available: [a1, a2, b1, b2]"))
            let early = try await client.placement("m3aggregator", "POST", "", add(3, true))
            #expect(early.status == 500 && early.body.contains("available before cutover time"))

            let later = Client(store, now: Client.cutover)
            let dry = try await later.placement(
                "m3aggregator", "POST", "", add(3, true), headers: [("Dry-Run", "true")])
            #expect(dry.status == 200 && dry.body.hasSuffix("\"version\":0}"))
            #expect(try await self.placements(store).get()?.version == 1)

            let grown = try await later.placement("m3aggregator", "POST", "", add(3, true))
            #expect(grown.status == 200 && grown.body.hasSuffix("},\"version\":2}"))
            #expect(grown.body.contains("\"maxShardSetId\":3,"))
            #expect(try await later.placement("m3aggregator", "GET") == grown)
            let stored = try #require(try await self.placements(store).get())
            let a3 = try #require(stored.value.instance("a3"))
            #expect(a3.shardSetID == 3 && a3.shards.count == 1)
            #expect(a3.shards[0].sourceID.hasPrefix("a") && a3.shards[0].cutoverNanos == Client.cutover)
            try stored.value.validate()

            let after = Client(store, now: Client.cutover + 2 * Self.minute)
            #expect(
                try await after.placement(
                    "m3aggregator", "POST", "/remove", "{\"instanceIds\":[\"a1\"],\"force\":true}")
                    == failure(500, "found 1 count of shard set id 1, expecting 2"))
            #expect(
                try await after.placement("m3aggregator", "DELETE", "/a1?force=true")
                    == failure(500, "found 1 count of shard set id 1, expecting 2"))
            #expect(
                try await after.placement("m3aggregator", "DELETE", "/zz?force=true")
                    == failure(404, "instance not found: zz"))
            let shrunk = try await after.placement(
                "m3aggregator", "POST", "/remove", "{\"instance_ids\":[\"a1\",\"b1\"],\"force\":true}")
            #expect(shrunk.status == 200 && shrunk.body.hasSuffix("\"version\":3}"))

            let last = Client(store, now: Client.cutover + 4 * Self.minute)
            let replacement = instanceJSON("c2", group: "a", host: "c2", port: 6000)
            let repaired = try await last.placement(
                "m3aggregator", "POST", "/replace",
                "{\"leavingInstanceIDs\":[\"a2\"],\"candidates\":[\(replacement)],\"force\":true}")
            #expect(repaired.status == 200, "\(repaired.body)")
            let c2 = try #require(try await self.placements(store).get()?.value.instance("c2"))
            #expect(c2.shardSetID == 2 && c2.shards.allSatisfy { $0.sourceID == "a2" && $0.state == .initializing })

            #expect(
                try await last.placement("m3aggregator", "DELETE", headers: [("Dry-Run", "true")])
                    == Client.Answer(status: 200, body: "{\"deleted\":true}\n"))
            #expect(try await last.placement("m3aggregator", "GET").status == 200)
            let deleted = try await last.reply("DELETE", "services/m3aggregator/placement")
            #expect(deleted.headers["Content-Type"] == "text/plain; charset=utf-8")
            #expect(String(decoding: deleted.body, as: UTF8.self) == "{\"deleted\":true}\n")
            #expect(try await last.placement("m3aggregator", "DELETE") == failure(404, "key not found"))
        }
    }

    @Test(arguments: StoreKind.allCases) func coordinatorsComeAndGo(_ kind: StoreKind) async throws {
        try await kind.withStore { store async throws in
            let client = Client(store)
            let one = instanceJSON("c1", group: "", host: "c1", port: 7507, weight: 0)
            let two = instanceJSON("c2", group: "", host: "c2", port: 7507, weight: 0)
            #expect(
                try await client.placement("m3coordinator", "POST", "/init", "{\"instances\":[\(one)],\"numShards\":4}")
                    == failure(500, "could not apply shards in non-sharded placement"))
            #expect(
                try await client.placement("m3coordinator", "POST", "/init", "{\"instances\":[\(one)]}").status == 200)
            #expect(
                try await client.placement("m3coordinator", "POST", "", "{\"instances\":[\(two)]}")
                    == failure(400, "instances do not have all shards available: [c1]"))
            let dry = try await client.placement(
                "m3coordinator", "POST", "", "{\"instances\":[\(two)],\"force\":true}", headers: [("Dry-Run", "true")])
            #expect(dry.body.hasSuffix("\"version\":1}"))
            let added = try await client.placement(
                "m3coordinator", "POST", "", "{\"instances\":[\(two)],\"force\":true}")
            #expect(added.status == 200 && added.body.hasSuffix("\"version\":2}"))
            #expect(
                try await client.placement("m3coordinator", "POST", "", "{\"instances\":[\(two)],\"force\":true}")
                    == failure(500, "no new instances found in the valid zone"))
            #expect(
                try await client.placement(
                    "m3coordinator", "POST", "/remove", "{\"instanceIds\":[\"x\"],\"force\":true}")
                    == failure(500, "instance x not found in placement"))
            let three = instanceJSON("c3", group: "", host: "c3", port: 7507, weight: 0)
            let replaced = try await client.placement(
                "m3coordinator", "POST", "/replace", "{\"leavingInstanceIDs\":[\"c1\"],\"candidates\":[\(three)]}")
            #expect(replaced.status == 200 && replaced.body.hasSuffix("\"version\":3}"))
            let removed = try await client.placement("m3coordinator", "DELETE", "/c2")
            #expect(removed.status == 200 && removed.body.hasSuffix("\"version\":4}"))
            #expect(try await self.placements(store, "m3coordinator").get()?.value.instances.map(\.id) == ["c3"])
        }
    }

    @Test func shardedServices() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let client = Client(store)
            let all = (1...3).map { instanceJSON("d\($0)", group: "r\($0)", host: "d\($0)", port: 9000) }
            let made = try await client.placement(
                "m3db", "POST", "/init",
                "{\"num_shards\":6,\"replication_factor\":3,\"instances\":[\(all.joined(separator: ","))]}")
            #expect(
                made.status == 200
                    && made.body.contains("\"isSharded\":true,\"cutoverTime\":\"0\",\"isMirrored\":false"))
            let override = try await client.placement(
                "m3coordinator", "POST", "/init",
                "{\"num_shards\":6,\"instances\":[\(all[0]),\(all[1])],\"option_override\":{\"is_sharded\":true}}")
            #expect(override.status == 200 && override.body.contains("\"state\":\"AVAILABLE\""))
            #expect(!override.body.contains("INITIALIZING"))
            let weightless = instanceJSON("e", group: "r", host: "e", port: 1, weight: 0)
            _ = try await client.placement("m3db", "DELETE")
            let panic = try await client.placement(
                "m3db", "POST", "/init", "{\"num_shards\":6,\"replication_factor\":1,\"instances\":[\(weightless)]}")
            #expect(panic.status == 500)
            #expect(panic.body.contains("\"error\":\"caught panic: runtime error: integer divide by zero"))
            for (body, status) in [
                ("{\"num_shards\":-1,\"replication_factor\":1}", 500), ("{\"num_shards\":1}", 500),
                ("{\"num_shards\":1,\"replication_factor\":1}", 500), ("", 400),
            ] {
                #expect(try await client.placement("m3db", "POST", "/init", body).status == status)
            }
        }
    }

    @Test func missingPlacements() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let client = Client(store)
            for service in ["m3db", "m3aggregator", "m3coordinator"] {
                #expect(try await client.placement(service, "GET") == failure(404, "placement does not exist"))
                #expect(
                    try await client.placement(service, "GET", "?version=x")
                        == failure(400, "could not parse version: strconv.Atoi: parsing \"x\": invalid syntax"))
                for (method, suffix, body) in [
                    ("POST", "", "{}"), ("POST", "/remove", "{}"), ("POST", "/replace", "{}"), ("DELETE", "/a", ""),
                ] {
                    #expect(try await client.placement(service, method, suffix, body) == failure(500, "key not found"))
                }
                #expect(try await client.placement(service, "DELETE") == failure(404, "key not found"))
                #expect(
                    try await client.placement(service, "POST", "/set", "{}") == failure(400, "nil placement proto"))
            }
            #expect(try await client.placement("other", "GET").status == 404)
            #expect(try await client.placement("m3db", "PUT").status == 405)
        }
    }

    /// Each placement that a real M3 wrote or that the vectors hold, set by a call and read back.
    @Test(arguments: StoreKind.allCases) func capturedPlacementsAreSet(_ kind: StoreKind) async throws {
        try await kind.withStore { store async throws in
            let client = Client(store)
            var cases: [(service: String, staged: Bool, json: Any, bytes: [UInt8])] = []
            for line in try Fixtures.vectors("etcd.jsonl") {
                let decoded = line["decoded"] as? [String: Any]
                let bytes = try #require((line["hex"] as? String).flatMap(Fixtures.bytes(hex:)))
                switch line["type"] as? String {
                case "placementpb.Placement": cases.append(("m3coordinator", false, try #require(decoded), bytes))
                case "placementpb.PlacementSnapshots":
                    let snapshots = try #require(decoded?["snapshots"] as? [Any])
                    cases.append(("m3aggregator", true, try #require(snapshots.first), bytes))
                default: continue
                }
            }
            for line in try Fixtures.vectors("placement.jsonl") {
                let bytes = try #require((line["hex"] as? String).flatMap(Fixtures.bytes(hex:)))
                let input = try #require(line["input"])
                switch line["kind"] as? String {
                case "placement": cases.append(("m3db", false, input, bytes))
                case "placement_snapshots": cases.append(("m3aggregator", true, input, bytes))
                default: cases.append(("m3aggregator", true, input, bytes))
                }
            }
            #expect(cases.count == 8 + 9)
            var refusals = 0
            for (service, staged, json, bytes) in cases {
                _ = try await client.placement(service, "DELETE")
                let wanted = try staged ? Placement(stagedProtobuf: bytes) : Placement(protobuf: bytes)
                func body(_ confirm: Bool) throws -> String {
                    let data = try JSONSerialization.data(withJSONObject: ["placement": json, "confirm": confirm])
                    return String(decoding: data, as: UTF8.self)
                }
                // One of the vectors is encoded right and breaks the rules, as M3 would say too.
                guard (try? wanted.validate()) != nil else {
                    let refused = try await client.placement(service, "POST", "/set", try body(true))
                    #expect(refused.status == 400 && refused.body.contains("unable to validate new placement: "))
                    refusals += 1
                    continue
                }
                let dry = try await client.placement(service, "POST", "/set", try body(false))
                #expect(dry.status == 200 && dry.body.hasSuffix(",\"version\":0,\"dryRun\":true}"), "\(dry.body)")
                #expect(try await client.placement(service, "GET").status == 404)
                let set = try await client.placement(service, "POST", "/set", try body(true))
                #expect(set.status == 200 && set.body.hasSuffix(",\"version\":1,\"dryRun\":false}"), "\(set.body)")
                var stored = try #require(try await self.placements(store, service).get()).value
                if staged { stored.cutoverTimeNanos = wanted.cutoverTimeNanos }
                #expect(stored == wanted)
                // One instance leaves no choice of order.
                if wanted.instances.count == 1 {
                    let kept = try await store.get(self.placements(store, service).key).bytes
                    let form = staged ? try wanted.stagedProtobuf() : try wanted.protobuf()
                    #expect(kept == form)
                }
                let again = try await client.placement(service, "POST", "/set", try body(false))
                #expect(again.body.hasSuffix(",\"version\":2,\"dryRun\":true}"))
            }
            #expect(refusals == 3)
        }
    }

    @Test func aPlacementThatBreaksTheRulesIsNotSet() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let client = Client(store)
            let bad = "{\"placement\":{\"instances\":{\"a\":{\"id\":\"a\"}},\"replicaFactor\":1},\"confirm\":true"
            #expect(
                try await client.placement("m3coordinator", "POST", "/set", bad + "}")
                    == failure(
                        400, "unable to validate new placement: instance a does not contain valid endpoint"))
            #expect(
                try await client.placement("m3coordinator", "POST", "/set", bad + ",\"force\":true}")
                    == failure(400, "instance a does not contain valid endpoint"))
            #expect(try await client.placement("m3coordinator", "GET").status == 404)
        }
    }
}
