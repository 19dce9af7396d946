import Aggregator
import Cluster
import KeyValue
import Logging
import NodeConfiguration

/// What an aggregator reads of its cluster: its placement, and the topics of its outputs.
struct RoleCluster: Sendable {
    let configuration: AggregatorConfiguration
    let stores: RoleStores
    let instanceID: String
    let logger: Logger

    /// The shards of a control plane that an embedded store begins with.
    static let defaultNumShards = StandaloneControlPlane.defaultNumShards

    func placements() throws -> PlacementStore {
        try placements(configuration.placement, key: "aggregator.placementManager.kvConfig.zone")
    }

    /// The store of a placement of aggregators.
    /// - Parameter key: what names its zone, for errors.
    func placements(_ watch: AggregatorConfiguration.PlacementWatch, key: String) throws -> PlacementStore {
        let service = ServiceID(name: watch.key, environment: stores.environment(watch.scope), zone: watch.scope.zone)
        return PlacementStore(
            store: try stores.store(zone: watch.scope.zone, key: key),
            serviceID: service, form: .staged,
            namespace: watch.scope.namespace.isEmpty ? nil : watch.scope.namespace)
    }

    func routes(_ producer: ProducerConfiguration) throws -> TopicRoutes {
        let store = try stores.store(zone: producer.topicScope.zone, key: "topicServiceOverride.zone")
        let namespace = producer.topicScope.namespace
        return TopicRoutes(
            store: store,
            topics: TopicStore(
                store: store, environment: stores.environment(producer.topicScope),
                namespace: namespace.isEmpty ? ControlKeys.topicNamespace : namespace),
            placementNamespace: producer.placementNamespace.isEmpty ? nil : producer.placementNamespace,
            placementIsStaged: producer.placementIsStaged)
    }

    /// The placement, once there is one. In an embedded store, which nobody else can write, it's made.
    func placement() async throws -> Placement {
        let placements = try placements()
        if stores.isEmbedded, try await placements.get() == nil {
            return try .initial(sharded: instance(endpoint: "127.0.0.1:6000"), numShards: Self.defaultNumShards)
        }
        return try await placement(placements, waitNanos: configuration.placement.initTimeoutNanos)
    }

    /// A placement, once there is one.
    func placement(_ placements: PlacementStore, waitNanos: Int64) async throws -> Placement {
        guard let found = try await waited(waitNanos, { try await placements.get()?.value }) else {
            throw RoleFailure.noPlacement(key: placements.key, waitedNanos: waitNanos)
        }
        return found
    }

    /// Once the topic is there, its number of shards.
    func numberOfShards(_ producer: ProducerConfiguration) async throws -> UInt32 {
        let routes = try routes(producer)
        let wait = producer.topicInitTimeoutNanos
        guard let topic = try await waited(wait, { try await routes.topics.get(producer.topic)?.value }) else {
            throw RoleFailure.noTopic(name: producer.topic, waitedNanos: wait)
        }
        return topic.numberOfShards
    }

    private func waited<Value: Sendable>(
        _ nanos: Int64, _ read: @Sendable () async throws -> Value?
    ) async throws -> Value? {
        let end = ContinuousClock.now + .nanoseconds(nanos)
        while true {
            if let value = try await read() { return value }
            guard ContinuousClock.now < end else { return nil }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// The instance's shards; none, with M3's words in the log, when the placement does not have it.
    func shards(in placement: Placement) -> [OwnedShard] {
        guard placement.instance(instanceID) != nil else {
            logger.error(
                "aggregator instance ID must appear in placement: no shards assigned since not found with current instance ID",
                metadata: ["instance": "\(instanceID)"])
            return []
        }
        return placement.shards(of: instanceID).map {
            OwnedShard(shard: $0.id, cutoverNanos: $0.cutoverNanos, cutoffNanos: $0.cutoffNanos)
        }
    }

    /// In an embedded store, names this instance with its address in the placement and in the topic of rollups, as an
    /// operator does for a cluster. A placement with other instances is left alone.
    /// - Parameter endpoint: where the m3msg server listens.
    func announce(endpoint: String, placement: Placement) async throws {
        guard stores.isEmbedded, case .m3msg(let producer) = configuration.forwarding else { return }
        let placements = try placements()
        let instance = try instance(endpoint: endpoint)
        let numShards = placement.numShards
        let id = instanceID
        _ = try await placements.update { (current) throws(ClusterError) in
            if let current, current.instances.contains(where: { $0.id != id }) { return current }
            return try .initial(sharded: instance, numShards: numShards)
        }
        let routes = try routes(producer)
        let service = placements.serviceID
        _ = try await routes.topics.update(producer.topic) { (current) throws(ClusterError) in
            var topic = current ?? Topic(name: producer.topic, numberOfShards: numShards)
            if !topic.consumerServices.contains(where: { $0.serviceID.name == service.name }) {
                topic.consumerServices.append(
                    ConsumerService(
                        serviceID: ServiceID(name: service.name, environment: service.environment),
                        consumptionType: .replicated, messageTTLNanos: StandaloneControlPlane.messageTTLNanos))
            }
            return topic
        }
    }

    private func instance(endpoint: String) throws -> Instance {
        let endpoint = try Endpoint(parsing: endpoint)
        return Instance(
            id: instanceID, isolationGroup: instanceID, weight: 1, endpoint: endpoint.description,
            hostname: endpoint.host, port: UInt32(endpoint.port))
    }

    // MARK: Changes

    /// Hands on the shards of each placement, from the present one on.
    /// - Parameter leadership: takes part in the election of its shard set; nil for an instance that is alone.
    func followPlacement(
        _ service: AggregatorService, numShards: UInt32, leadership: ShardSetLeadership?
    ) async throws -> Task<Void, Never> {
        let updates = try await placements().watch()
        return Task {
            var current: [OwnedShard]?
            for await update in updates {
                if Task.isCancelled { return }
                switch update {
                case .value(let placement):
                    guard placement.value.numShards == numShards else {
                        logger.error(
                            "the placement has another number of shards than at the start: restart to follow it",
                            metadata: ["shards": "\(placement.value.numShards)", "before": "\(numShards)"])
                        continue
                    }
                    let shards = shards(in: placement.value)
                    if let current, current != shards {
                        logger.notice("shards changed", metadata: ["owned": "\(shards.count)"])
                    }
                    if current != shards { await service.update(shards: shards) }
                    current = shards
                    do {
                        try await leadership?.follow(placement.value, workers: service)
                    } catch {
                        logger.error("can't take part in the election", metadata: ["error": "\(error)"])
                    }
                case .rejected(let error, _):
                    logger.error("the placement can't be read; the last one stays", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
