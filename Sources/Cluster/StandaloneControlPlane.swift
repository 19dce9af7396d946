import KeyValue

/// The control plane of a process that is its own cluster: one aggregator and one coordinator, which find each other through the
/// same keys as the members of a larger one.
public struct StandaloneControlPlane: Sendable {
    public static let ingestTopicName = "aggregator_ingest"
    public static let aggregatedTopicName = "aggregated_metrics"
    public static let defaultNumShards: UInt32 = 64
    /// Nanoseconds that a producer keeps a message for a consumer which is away: ten minutes, M3's usual value.
    public static let messageTTLNanos: Int64 = 600_000_000_000
    /// The id of the aggregator and of the coordinator in their placements.
    public static let aggregatorInstanceID = "m3agg-aggregator"
    public static let coordinatorInstanceID = "m3agg-coordinator"

    public let topics: TopicStore
    public let aggregatorPlacements: PlacementStore
    public let coordinatorPlacements: PlacementStore

    public init(store: any KeyValueStore, environment: String = ServiceID.defaultEnvironment) {
        topics = TopicStore(store: store, environment: environment)
        aggregatorPlacements = PlacementStore(
            store: store, serviceID: ServiceID(name: ServiceID.aggregatorName, environment: environment))
        coordinatorPlacements = PlacementStore(
            store: store, serviceID: ServiceID(name: ServiceID.coordinatorName, environment: environment))
    }

    /// Writes topics and placements for this process where they are absent or differ, and returns the stores to read them from.
    ///
    /// Call it once both servers listen: the endpoints (`host:port`, as the servers' sockets have them) change at each start when
    /// the port is picked freely, and are then replaced by compare-and-set. Consumers that someone has added to a topic are kept,
    /// and so is a consumer's message TTL.
    ///
    /// - Parameters:
    ///   - ingestEndpoint: where the aggregator takes messages of `aggregator_ingest`.
    ///   - aggregatedEndpoint: where the coordinator takes messages of `aggregated_metrics`.
    ///   - numShards: shards of both topics and of the aggregator's placement, which must agree.
    @discardableResult
    public static func bootstrap(
        store: any KeyValueStore, ingestEndpoint: String, aggregatedEndpoint: String,
        numShards: UInt32 = defaultNumShards, environment: String = ServiceID.defaultEnvironment
    ) async throws(ClusterError) -> StandaloneControlPlane {
        let ingest = try dialable(ingestEndpoint)
        let aggregated = try dialable(aggregatedEndpoint)
        let plane = StandaloneControlPlane(store: store, environment: environment)

        // Placements first, so that whoever sees a topic finds its consumers.
        _ = try await plane.aggregatorPlacements.update { (_) throws(ClusterError) in
            try .initial(sharded: instance(aggregatorInstanceID, ingest), numShards: numShards)
        }
        _ = try await plane.coordinatorPlacements.update { (_) throws(ClusterError) in
            try .initial(unsharded: [instance(coordinatorInstanceID, aggregated)])
        }
        try await plane.ensureTopic(
            ingestTopicName, numShards: numShards, consumer: plane.aggregatorPlacements.serviceID, .replicated)
        try await plane.ensureTopic(
            aggregatedTopicName, numShards: numShards, consumer: plane.coordinatorPlacements.serviceID, .shared)
        return plane
    }

    private func ensureTopic(
        _ name: String, numShards: UInt32, consumer: ServiceID, _ type: ConsumptionType
    ) async throws(ClusterError) {
        _ = try await topics.update(name) { (current) throws(ClusterError) in
            var topic = current ?? Topic(name: name, numberOfShards: numShards)
            topic.numberOfShards = numShards
            if let index = topic.consumerServices.firstIndex(where: { $0.serviceID == consumer }) {
                topic.consumerServices[index].consumptionType = type
            } else {
                topic.consumerServices.append(
                    ConsumerService(
                        serviceID: consumer, consumptionType: type, messageTTLNanos: Self.messageTTLNanos))
            }
            return topic
        }
    }

    private static func instance(_ id: String, _ endpoint: Endpoint) -> Instance {
        Instance(
            id: id, isolationGroup: id, weight: 1, endpoint: endpoint.description, hostname: endpoint.host,
            port: UInt32(endpoint.port))
    }

    private static func dialable(_ text: String) throws(ClusterError) -> Endpoint {
        let endpoint = try Endpoint(parsing: text)
        guard endpoint.port != 0 else {
            throw .invalidEndpoint(
                endpoint: text, reason: "port 0 can't be dialled; give the port that the server was bound to")
        }
        return endpoint
    }
}
