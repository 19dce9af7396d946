import Cluster
import KeyValue
import TestKit
import Testing

@Suite struct StandaloneControlPlaneTests {
    private static let keys = [
        "/topic/default_env/aggregator_ingest", "/topic/default_env/aggregated_metrics",
        "/placement/default_env/m3aggregator", "_sd.placement/default_env/m3coordinator",
    ]

    private static func versions(_ store: any KeyValueStore) async throws -> [Int64] {
        var versions: [Int64] = []
        for key in keys { versions.append(try await store.get(key).version) }
        return versions
    }

    @Test func topicsLeadToThisProcess() async throws {
        try await withStore { store in
            let plane = try await StandaloneControlPlane.bootstrap(
                store: store, ingestEndpoint: "127.0.0.1:6000", aggregatedEndpoint: "127.0.0.1:7507")

            let ingest = try #require(await plane.topics.get(StandaloneControlPlane.ingestTopicName)?.value)
            #expect(ingest.numberOfShards == 64)
            let aggregator = try #require(ingest.consumerServices.first)
            #expect(aggregator.consumptionType == .replicated)
            #expect(aggregator.messageTTLNanos == 600_000_000_000)
            let placement = try #require(
                await PlacementStore(store: store, serviceID: aggregator.serviceID).get()?.value)
            #expect(placement.isSharded && placement.isMirrored && placement.replicaFactor == 1)
            for shard in 0..<ingest.numberOfShards {
                let owners = placement.owners(of: shard)
                #expect(owners.map(\.endpoint) == ["127.0.0.1:6000"])
                #expect(owners.first?.shard(shard)?.state == .available)
            }

            let aggregated = try #require(await plane.topics.get(StandaloneControlPlane.aggregatedTopicName)?.value)
            #expect(aggregated.numberOfShards == 64)
            let coordinator = try #require(aggregated.consumerServices.first)
            #expect(coordinator.consumptionType == .shared)
            let coordinators = try #require(
                await PlacementStore(store: store, serviceID: coordinator.serviceID).get()?.value)
            #expect(!coordinators.isSharded)
            #expect(coordinators.instances.map(\.endpoint) == ["127.0.0.1:7507"])
            #expect(coordinators.instances.map(\.port) == [7507])
        }
    }

    @Test func aSecondStartWritesOnlyWhatChanged() async throws {
        try await withStore { store in
            func bootstrap(_ ingest: String, _ aggregated: String, _ shards: UInt32 = 64) async throws {
                try await StandaloneControlPlane.bootstrap(
                    store: store, ingestEndpoint: ingest, aggregatedEndpoint: aggregated, numShards: shards)
            }
            try await bootstrap("127.0.0.1:6000", "127.0.0.1:7507")
            #expect(try await Self.versions(store) == [1, 1, 1, 1])
            try await bootstrap("127.0.0.1:6000", "127.0.0.1:7507")
            #expect(try await Self.versions(store) == [1, 1, 1, 1])
            try await bootstrap("127.0.0.1:41234", "127.0.0.1:7507")
            #expect(try await Self.versions(store) == [1, 1, 2, 1])
            try await bootstrap("127.0.0.1:41234", "[::1]:7507", 16)
            #expect(try await Self.versions(store) == [2, 2, 3, 2])
            let plane = StandaloneControlPlane(store: store)
            #expect(try await plane.aggregatorPlacements.get()?.value.numShards == 16)
            #expect(try await plane.aggregatorPlacements.get()?.value.instances.map(\.endpoint) == ["127.0.0.1:41234"])
            #expect(try await plane.coordinatorPlacements.get()?.value.instances.map(\.hostname) == ["::1"])
        }
    }

    @Test func aWatcherSeesTheNewEndpoint() async throws {
        try await withStore { store in
            try await StandaloneControlPlane.bootstrap(
                store: store, ingestEndpoint: "127.0.0.1:1", aggregatedEndpoint: "127.0.0.1:2")
            var watch = try await StandaloneControlPlane(store: store).aggregatorPlacements.watch().makeAsyncIterator()
            for port in [1, 3] {
                try await StandaloneControlPlane.bootstrap(
                    store: store, ingestEndpoint: "127.0.0.1:\(port)", aggregatedEndpoint: "127.0.0.1:2")
                guard case .value(let placement) = await watch.next() else {
                    Issue.record("no placement for port \(port)")
                    return
                }
                #expect(placement.value.instances.map(\.endpoint) == ["127.0.0.1:\(port)"])
            }
        }
    }

    @Test func consumersAddedByOthersAndTTLsAreKept() async throws {
        try await withStore { store in
            func bootstrap() async throws -> StandaloneControlPlane {
                try await StandaloneControlPlane.bootstrap(
                    store: store, ingestEndpoint: "127.0.0.1:1", aggregatedEndpoint: "127.0.0.1:2")
            }
            let plane = try await bootstrap()
            let changed = try await plane.topics.update(StandaloneControlPlane.aggregatedTopicName) { current in
                var topic = current ?? Topic(name: "none", numberOfShards: 1)
                topic.consumerServices[0].messageTTLNanos = 5
                topic.consumerServices.append(
                    ConsumerService(serviceID: ServiceID(name: "tap"), consumptionType: .shared))
                return topic
            }
            #expect(changed.version == 2)
            _ = try await bootstrap()
            #expect(try await plane.topics.get(StandaloneControlPlane.aggregatedTopicName) == changed)
        }
    }

    @Test func whatCanNotBeDialledIsRefused() async throws {
        try await withStore { store in
            for (ingest, aggregated) in [("127.0.0.1:0", "127.0.0.1:1"), ("127.0.0.1:1", "127.0.0.1:0"), ("x", "y:1")] {
                await #expect(throws: ClusterError.self) {
                    try await StandaloneControlPlane.bootstrap(
                        store: store, ingestEndpoint: ingest, aggregatedEndpoint: aggregated)
                }
            }
            await #expect(throws: KeyValueError.notFound(key: Self.keys[0])) { try await store.get(Self.keys[0]) }
        }
    }
}
