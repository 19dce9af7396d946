import Cluster
import KeyValue
import MessageQueue
import TestKit
import Testing

@testable import Services

struct TopicRoutesTests {
    private let directory: TemporaryDirectory
    private let store: EmbeddedStore
    private let plane: StandaloneControlPlane

    init() async throws {
        directory = try TemporaryDirectory("routes")
        store = try EmbeddedStore(directory: directory.path("control"))
        plane = try await StandaloneControlPlane.bootstrap(
            store: store, ingestEndpoint: "127.0.0.1:6000", aggregatedEndpoint: "127.0.0.1:7507", numShards: 16)
    }

    private func route(_ name: String) async throws -> ProducerRoute {
        try await TopicRoutes(store: store, topics: plane.topics).route(name)
    }

    @Test func theIngestTopicGoesToEveryReplicaOfTheAggregator() async throws {
        let route = try await route("aggregator_ingest")
        #expect(route.topic == "aggregator_ingest")
        #expect(route.numberOfShards == 16)
        #expect(route.services.map(\.name) == ["m3aggregator"])
        let service = try #require(route.services.first)
        #expect(service.consumption == .replicated)
        #expect(service.messageTTLNanos == StandaloneControlPlane.messageTTLNanos)
        #expect(service.targets.count == 16)
        #expect(service.targets.allSatisfy { $0.map(\.endpoint) == ["127.0.0.1:6000"] })
        try route.validate()
    }

    @Test func theTopicOfAggregatedMetricsGoesToAnyCoordinator() async throws {
        let route = try await route("aggregated_metrics")
        #expect(route.services.map(\.name) == ["m3coordinator"])
        let service = try #require(route.services.first)
        #expect(service.consumption == .shared)
        #expect(service.targets.count == 16)
        #expect(service.targets.allSatisfy { $0.map(\.endpoint) == ["127.0.0.1:7507"] })
        try route.validate()
    }

    @Test func aTapIsAddedMovedAndRemoved() async throws {
        func apply(_ endpoint: String?) async throws {
            try await TapConsumer.apply(endpoint, store: store, topics: plane.topics)
        }
        try await apply("127.0.0.1:7508")
        try await apply("127.0.0.1:7508")
        var services = try await route("aggregated_metrics").services
        #expect(services.map(\.name) == ["m3coordinator", TapConsumer.serviceName])
        #expect(services.last?.targets.allSatisfy { $0.map(\.endpoint) == ["127.0.0.1:7508"] } == true)
        #expect(services.last?.consumption == .shared)
        try await apply("[::1]:9999")
        services = try await route("aggregated_metrics").services
        #expect(services.count == 2)
        #expect(services.last?.targets.first?.map(\.endpoint) == ["[::1]:9999"])
        #expect(try await route("aggregator_ingest").services.count == 1)
        try await apply(nil)
        #expect(try await route("aggregated_metrics").services.map(\.name) == ["m3coordinator"])
        await #expect(throws: ClusterError.self) { try await apply("nowhere") }
        #expect(try await route("aggregated_metrics").services.count == 1)
    }

    @Test func whatIsMissingIsNamed() async throws {
        var error = await #expect(throws: TopicRoutes.Failure.self) { _ = try await route("unknown") }
        #expect("\(try #require(error))".contains("no topic 'unknown'"))
        _ = try await plane.topics.update("aggregated_metrics") { (topic) throws(ClusterError) in
            var topic = topic ?? Topic(name: "aggregated_metrics", numberOfShards: 16)
            topic.consumerServices.append(
                ConsumerService(
                    serviceID: ServiceID(name: "absent"), consumptionType: .shared, messageTTLNanos: 1_000_000_000))
            return topic
        }
        error = await #expect(throws: TopicRoutes.Failure.self) { _ = try await route("aggregated_metrics") }
        #expect("\(try #require(error))".contains("absent"))
    }
}
