import Cluster
import KeyValue

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
