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
    /// The namespace of the consumers' placements; nil for M3's usual one.
    var placementNamespace: String?
    /// Whether those placements are staged; nil where their service's name tells.
    var placementIsStaged: Bool?

    /// Which of the topic's consumer services are wanted.
    var accepts: @Sendable (ServiceID) -> Bool = { _ in true }

    func placements(of service: ServiceID) -> PlacementStore {
        let isStaged = placementIsStaged ?? (service.name == ServiceID.aggregatorName)
        return PlacementStore(
            store: store, serviceID: service, form: isStaged ? .staged : .plain, namespace: placementNamespace)
    }

    /// - Throws: ``Failure``, ``Cluster/ClusterError``
    func route(_ name: String) async throws -> ProducerRoute {
        guard let topic = try await topics.get(name)?.value else { throw Failure.noTopic(name) }
        var services: [ProducerRoute.ConsumerService] = []
        for consumer in topic.consumerServices where accepts(consumer.serviceID) {
            guard
                let placement = try await placements(of: consumer.serviceID).get()?.value
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
