import Cluster
import KeyValue
import MessageQueue

/// Turns what the control plane says of a topic into the route of a producer.
struct TopicRoutes: Sendable {
    enum Failure: Error, CustomStringConvertible {
        case noTopic(String)
        case noPlacement(topic: String, service: String)

        var description: String {
            switch self {
            case .noTopic(let name): "the control plane has no topic '\(name)'; create it first"
            case .noPlacement(let topic, let service):
                "topic '\(topic)' has the consumer \(service), which has no placement; create it, or remove the consumer"
            }
        }
    }

    let store: any KeyValueStore
    let topics: TopicStore

    /// - Throws: ``Failure``, ``Cluster/ClusterError``
    func route(_ name: String) async throws -> ProducerRoute {
        guard let topic = try await topics.get(name)?.value else { throw Failure.noTopic(name) }
        var services: [ProducerRoute.ConsumerService] = []
        for consumer in topic.consumerServices {
            guard
                let placement = try await PlacementStore(store: store, serviceID: consumer.serviceID).get()?.value
            else { throw Failure.noPlacement(topic: name, service: consumer.serviceID.description) }
            services.append(
                ProducerRoute.ConsumerService(
                    name: consumer.serviceID.name,
                    consumption: consumer.consumptionType == .replicated ? .replicated : .shared,
                    messageTTLNanos: consumer.messageTTLNanos, targets: Self.targets(placement, topic)))
        }
        return ProducerRoute(topic: name, numberOfShards: Int(topic.numberOfShards), services: services)
    }

    /// Every instance takes every shard when the placement is not sharded, else those that list the shard, in any
    /// state.
    private static func targets(_ placement: Placement, _ topic: Topic) -> [[ProducerRoute.Target]] {
        guard placement.isSharded else {
            return Array(
                repeating: placement.instances.map { ProducerRoute.Target(endpoint: $0.endpoint) },
                count: Int(topic.numberOfShards))
        }
        return (0..<topic.numberOfShards).map { shard in
            placement.owners(of: shard).map { instance in
                let assignment = instance.shard(shard)
                return ProducerRoute.Target(
                    endpoint: instance.endpoint, cutoverNanos: assignment?.cutoverNanos ?? 0,
                    cutoffNanos: assignment?.cutoffNanos ?? .max)
            }
        }
    }
}

/// The consumer that `--tap` adds to the topic of aggregated metrics.
enum TapConsumer {
    static let serviceName = "m3agg-tap"

    /// Adds, moves or removes the consumer, so that the topic has it just when an endpoint is given.
    static func apply(_ endpoint: String?, store: any KeyValueStore, topics: TopicStore) async throws {
        let serviceID = ServiceID(name: serviceName, environment: topics.environment)
        if let endpoint {
            let address = try Endpoint(parsing: endpoint)
            _ = try await PlacementStore(store: store, serviceID: serviceID, form: .plain).update {
                (_) throws(ClusterError) in
                try .initial(unsharded: [
                    Instance(
                        id: serviceName, isolationGroup: serviceName, weight: 1, endpoint: address.description,
                        hostname: address.host, port: UInt32(address.port))
                ])
            }
        }
        _ = try await topics.update(StandaloneControlPlane.aggregatedTopicName) { (current) throws(ClusterError) in
            guard var topic = current else {
                throw .invalidTopic("\(StandaloneControlPlane.aggregatedTopicName) does not exist; create it first")
            }
            topic.consumerServices.removeAll { $0.serviceID == serviceID }
            if endpoint != nil {
                topic.consumerServices.append(
                    ConsumerService(
                        serviceID: serviceID, consumptionType: .shared,
                        messageTTLNanos: StandaloneControlPlane.messageTTLNanos))
            }
            return topic
        }
    }
}
