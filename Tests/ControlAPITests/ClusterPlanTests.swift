import Cluster
import Foundation
import KeyValue
import TestKit
import Testing

@testable import ControlAPI

@Suite struct ClusterPlanTests {
    private func instance(_ id: String, group: String, port: UInt32 = 6000, weight: UInt32 = 100) -> Instance {
        Instance(
            id: id, isolationGroup: group, weight: weight, endpoint: "\(id):\(port)", hostname: id, port: port)
    }

    private func described(pairs: ClosedRange<Int> = 1...1, coordinators: [String] = ["c1"]) -> ClusterDescription {
        let ttl: Int64 = 300_000_000_000
        return ClusterDescription(
            environment: "default_env", zone: "embedded", numShards: 8, replicas: 2,
            aggregators: pairs.flatMap { [instance("a\($0)", group: "a"), instance("b\($0)", group: "b")] },
            coordinators: coordinators.map { instance($0, group: $0, port: 7507, weight: 0) },
            topics: [
                Topic(
                    name: "aggregator_ingest", numberOfShards: 8,
                    consumerServices: [
                        ConsumerService(
                            serviceID: ServiceID(name: "m3aggregator"), consumptionType: .replicated,
                            messageTTLNanos: ttl)
                    ]),
                Topic(
                    name: "aggregated_metrics", numberOfShards: 8,
                    consumerServices: [
                        ConsumerService(
                            serviceID: ServiceID(name: "m3coordinator"), consumptionType: .shared, messageTTLNanos: ttl)
                    ]),
            ])
    }

    private func actions(_ plan: ClusterPlan) -> [ClusterPlan.Action] { plan.steps.map(\.action) }

    @Test(arguments: StoreKind.allCases) func aClusterIsMadeOnceAndGrows(_ kind: StoreKind) async throws {
        try await kind.withStore { store async throws in
            let now = Client.now
            let first = try await ClusterPlan(described(), store: store, now: now)
            #expect(actions(first) == [.create, .create, .create, .create])
            #expect(first.steps.map(\.key).first == "/placement/default_env/m3aggregator")
            await #expect(throws: KeyValueError.notFound(key: "/placement/default_env/m3aggregator")) {
                try await store.get("/placement/default_env/m3aggregator")
            }
            try await first.apply()

            // The calls of the API make the same.
            let client = Client(store)
            #expect(
                try await client.placement("m3aggregator", "GET").body.contains("\"shardSetId\":1,\"hostname\":\"a1\""))
            #expect(
                try await client.topic("GET", name: "aggregator_ingest").body.contains(
                    "\"messageTtlNanos\":\"300000000000\""))

            let again = try await ClusterPlan(described(), store: store, now: now)
            #expect(actions(again) == [.keep, .keep, .keep, .keep] && !again.hasChanges)

            let more = described(pairs: 1...3, coordinators: ["c1", "c2"])
            let early = try await ClusterPlan(more, store: store, now: now)
            #expect(early.isBlocked)
            #expect(early.steps[0].detail.contains("before cutover time"))

            let later = Client.cutover
            let grown = try await ClusterPlan(more, store: store, now: later)
            #expect(actions(grown) == [.change, .change, .keep, .keep], "\(grown.steps.map(\.detail))")
            try await grown.apply()
            let stored = try #require(
                try await PlacementStore(store: store, serviceID: ServiceID(name: "m3aggregator")).get()
            ).value
            #expect(Set(stored.instances.map(\.shardSetID)) == [1, 2, 3])
            try stored.validate()
            #expect(!(try await ClusterPlan(more, store: store, now: later).hasChanges))
        }
    }

    @Test func whatIsNotDescribedStaysUnlessPruned() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            try await ClusterPlan(described(pairs: 1...2, coordinators: ["c1", "c2"]), store: store, now: Client.now)
                .apply()
            let topics = TopicStore(store: store)
            _ = try await topics.update("aggregated_metrics") { (topic) throws(ClusterError) in
                var topic = topic ?? Topic(name: "", numberOfShards: 0)
                topic.consumerServices.append(
                    ConsumerService(serviceID: ServiceID(name: "tap"), consumptionType: .shared))
                return topic
            }
            let less = described()
            let kept = try await ClusterPlan(less, store: store, now: Client.cutover)
            #expect(actions(kept) == [.extra, .keep, .extra, .keep, .keep, .extra, .keep])
            #expect(!kept.hasChanges)
            let pruned = try await ClusterPlan(less, store: store, prune: true, now: Client.cutover)
            #expect(actions(pruned) == [.change, .change, .keep, .change], "\(pruned.steps.map(\.detail))")
            try await pruned.apply()
            #expect(
                try await topics.get("aggregated_metrics")?.value.consumerServices.map(\.serviceID.name) == [
                    "m3coordinator"
                ])
            let after = try await ClusterPlan(less, store: store, prune: true, now: Client.cutover)
            #expect(!after.hasChanges && !after.isBlocked)
        }
    }

    @Test func whatCanNotBeChangedIsSaid() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            try await ClusterPlan(described(), store: store, now: Client.now).apply()
            var other = described()
            other.numShards = 16
            for index in other.topics.indices { other.topics[index].numberOfShards = 16 }
            let plan = try await ClusterPlan(other, store: store, now: Client.now)
            #expect(actions(plan) == [.blocked, .keep, .blocked, .blocked] && plan.isBlocked && !plan.hasChanges)
            var moved = described()
            moved.aggregators[0].endpoint = "elsewhere:6000"
            let move = try await ClusterPlan(moved, store: store, now: Client.now)
            #expect(move.steps[0].action == .change && move.steps[0].detail == "a1 is at elsewhere:6000 now")
            var lonely = described()
            lonely.aggregators.removeLast()
            try await store.delete("/placement/default_env/m3aggregator")
            #expect(try await ClusterPlan(lonely, store: store, now: Client.now).isBlocked)
        }
    }

    @Test func aPlanThatWasOvertakenIsRefused() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let slow = try await ClusterPlan(described(), store: store, now: Client.now)
            try await ClusterPlan(described(), store: store, now: Client.now).apply()
            await #expect(throws: ClusterError.self) { try await slow.apply() }
        }
    }

    @Test func theStatusNamesLeadersLagAndWhatIsMissing() async throws {
        try await StoreKind.embedded.withStore { store async throws in
            let names = ["aggregator_ingest", "aggregated_metrics"]
            let empty = try await ClusterStatus(
                store: store, environment: "default_env", topics: names, now: 0
            ) { (_) async throws(ClusterError) in nil }
            #expect(
                empty.problems == [
                    "there is no placement of m3aggregator", "there is no placement of m3coordinator",
                    "there is no topic aggregator_ingest", "there is no topic aggregated_metrics",
                ])
            try await ClusterPlan(described(pairs: 1...2), store: store, now: Client.now).apply()
            let placement = try #require(
                try await PlacementStore(store: store, serviceID: ServiceID(name: "m3aggregator")).get()
            ).value
            let owned = try #require(placement.instance("a1")?.shards.first?.id)
            let second: Int64 = 1_000_000_000
            var shard = FlushTimes.Shard()
            shard.standard = [10 * second: Client.now - 25 * second]
            try await store.set(
                ControlKeys.flushTimes(shardSetID: 1, environment: "default_env"),
                FlushTimes(byShard: [owned: shard]).protobuf())
            let status = try await ClusterStatus(
                store: store, environment: "default_env", topics: names, now: Client.now
            ) { (prefix) async throws(ClusterError) in
                prefix == "_ld/default_env/m3aggregator/shardset/1/lock" ? "b1" : nil
            }
            #expect(status.shardSets.map(\.id) == [1, 2])
            #expect(status.shardSets[0].leader == "b1" && status.shardSets[0].flushLagNanos == 15 * second)
            #expect(status.shardSets[1].leader == nil && status.shardSets[1].flushLagNanos == nil)
            #expect(status.members.map(\.id) == ["a1", "b1", "a2", "b2", "c1"])
            #expect(status.members.filter(\.isLeader).map(\.id) == ["b1"])
            #expect(status.problems == ["shard set 2 has no leader: start its aggregators"])
            let json = try #require(
                try JSONSerialization.jsonObject(with: Data(ClusterJSON.text(status).utf8)) as? [String: Any])
            #expect((json["instances"] as? [Any])?.count == 5 && json["numShards"] as? Int == 8)
        }
    }
}
