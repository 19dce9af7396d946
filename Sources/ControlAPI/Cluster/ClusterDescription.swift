import Cluster
import KeyValue

/// The state that a cluster's placements and topics are to have.
public struct ClusterDescription: Sendable {
    public var environment: String
    public var zone: String
    /// Shards of the aggregators' placement.
    public var numShards: UInt32
    /// Members of each shard set.
    public var replicas: UInt32
    /// Without shards and shard set ids.
    public var aggregators: [Instance]
    public var coordinators: [Instance]
    public var topics: [Topic]

    public init(
        environment: String, zone: String, numShards: UInt32, replicas: UInt32, aggregators: [Instance],
        coordinators: [Instance], topics: [Topic]
    ) {
        self.environment = environment
        self.zone = zone
        self.numShards = numShards
        self.replicas = replicas
        self.aggregators = aggregators
        self.coordinators = coordinators
        self.topics = topics
    }

    func placements(_ service: String, _ store: any KeyValueStore) -> PlacementStore {
        PlacementStore(
            store: store, serviceID: ServiceID(name: service, environment: environment, zone: zone))
    }
}
