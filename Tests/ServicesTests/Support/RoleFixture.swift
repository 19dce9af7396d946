import Cluster
import KeyValue
import MessageQueue
import NodeConfiguration
import Synchronization
import TestKit

@testable import Services

/// A node of its own over an embedded store, and a consumer of what it publishes.
final class RoleFixture {
    let directory: TemporaryDirectory
    private let collected = Records()
    private var consumer: ConsumerServer?
    private(set) var consumerEndpoint = ""

    init() async throws {
        directory = try TemporaryDirectory("role")
        let records = collected
        let (server, port) = try await startServer(MessageTap { new in records.values.withLock { $0 += new } })
        consumer = server
        consumerEndpoint = "127.0.0.1:\(port)"
    }

    private final class Records: Sendable {
        let values = Mutex<[TapRecord]>([])
    }

    /// What has been published so far.
    var published: [TapRecord] { collected.values.withLock { $0 } }

    /// Writes what an operator would: the topic of aggregated metrics and the placement of its consumers.
    func writeTopic() async throws {
        try await withStore { store in
            let service = ServiceID(name: ServiceID.coordinatorName)
            let endpoint = try Endpoint(parsing: self.consumerEndpoint)
            _ = try await PlacementStore(store: store, serviceID: service).update { (_) throws(ClusterError) in
                try .initial(unsharded: [
                    Instance(
                        id: "c", isolationGroup: "c", weight: 1, endpoint: endpoint.description,
                        hostname: endpoint.host,
                        port: UInt32(endpoint.port))
                ])
            }
            _ = try await TopicStore(store: store).update("aggregated_metrics") { (_) throws(ClusterError) in
                Topic(
                    name: "aggregated_metrics", numberOfShards: 16,
                    consumerServices: [
                        ConsumerService(serviceID: service, consumptionType: .shared, messageTTLNanos: 0)
                    ])
            }
        }
    }

    func withStore(_ body: (EmbeddedStore) async throws -> Void) async throws {
        let store = try EmbeddedStore(directory: directory.path("control"))
        try await body(store)
        await store.close()
    }

    /// The node's configuration, with more keys of M3 where a test needs them.
    func configuration(_ more: String = "") throws -> AggregatorConfiguration {
        let text = """
            node:
              instance: a1
              embedded: \(directory.path("control"))
              listen: {m3msg: "127.0.0.1:0", rawtcp: "127.0.0.1:0", http: "127.0.0.1:0"}
              buffers: {past: 100ms, forwarding: 4s}
            \(more)
            """
        return try AggregatorConfiguration.read([(file: "node.yml", bytes: Array(text.utf8))], environment: [:])
            .configuration
    }

    func start(_ more: String = "") async throws -> AggregatorRole {
        try await AggregatorRole.start(
            configuration: try configuration(more), environment: [:], group: testLoops, logger: quiet)
    }

    func stop() async { await consumer?.stop() }
}
