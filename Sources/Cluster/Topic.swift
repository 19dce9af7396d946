/// A message topic: how many shards its messages are spread over and which services consume them.
public struct Topic: Sendable, Hashable {
    public var name: String
    public var numberOfShards: UInt32
    public var consumerServices: [ConsumerService]

    /// Bounds what each producer sets up per shard; M3 clusters use up to 4096.
    public static let maxShards: UInt32 = 65_536

    public init(name: String, numberOfShards: UInt32, consumerServices: [ConsumerService] = []) {
        self.name = name
        self.numberOfShards = numberOfShards
        self.consumerServices = consumerServices
    }

    /// M3's rules for a topic, checked before each write and after each read. Throws `invalidTopic`.
    public func validate() throws(ClusterError) {
        guard !name.isEmpty else { throw .invalidTopic("empty name") }
        guard numberOfShards > 0 else { throw .invalidTopic("zero shards") }
        guard numberOfShards <= Self.maxShards else {
            throw .invalidTopic("\(numberOfShards) shards, the limit is \(Self.maxShards)")
        }
        var seen: Set<ServiceID> = []
        for consumer in consumerServices {
            guard seen.insert(consumer.serviceID).inserted else {
                throw .invalidTopic("duplicated consumer \(consumer.serviceID)")
            }
            try consumer.filters?.validate()
        }
    }
}

/// A service that consumes a topic.
public struct ConsumerService: Sendable, Hashable {
    public var serviceID: ServiceID
    public var consumptionType: ConsumptionType
    /// Nanoseconds after which a producer gives a message up; 0: never.
    public var messageTTLNanos: Int64
    public var filters: ConsumerFilters?

    public init(
        serviceID: ServiceID, consumptionType: ConsumptionType, messageTTLNanos: Int64 = 0,
        filters: ConsumerFilters? = nil
    ) {
        self.serviceID = serviceID
        self.consumptionType = consumptionType
        self.messageTTLNanos = messageTTLNanos
        self.filters = filters
    }
}

/// Who of a consumer service gets a message.
public enum ConsumptionType: Sendable, Hashable {
    /// One instance, any.
    case shared
    /// Each owner of the message's shard.
    case replicated
}

/// Which messages a consumer service gets at all; a nil part does not filter.
public struct ConsumerFilters: Sendable, Hashable {
    /// Storage policies in text form, such as `10s:2d`.
    public var storagePolicies: [String]?
    /// Share of messages let through, as M3's validation has it: between 0 and 100, both excluded. Producers take it as a
    /// fraction, so 1 and above means all.
    public var percentage: Double?
    /// Shard ids in text form, such as `0..63`.
    public var shardSet: String?
    public var routingPolicy: RoutingPolicy?

    public struct RoutingPolicy: Sendable, Hashable {
        public var allowedTrafficTypes: [String]
        public var isDefault: Bool

        public init(allowedTrafficTypes: [String], isDefault: Bool) {
            self.allowedTrafficTypes = allowedTrafficTypes
            self.isDefault = isDefault
        }
    }

    public init(
        storagePolicies: [String]? = nil, percentage: Double? = nil, shardSet: String? = nil,
        routingPolicy: RoutingPolicy? = nil
    ) {
        self.storagePolicies = storagePolicies
        self.percentage = percentage
        self.shardSet = shardSet
        self.routingPolicy = routingPolicy
    }

    func validate() throws(ClusterError) {
        if let shardSet, shardSet.isEmpty { throw .invalidTopic("shard set filter is empty") }
        if let percentage, !(percentage > 0 && percentage < 100) {
            throw .invalidTopic("percentage filter is \(percentage), it must lie between 0 and 100")
        }
        if let storagePolicies {
            guard !storagePolicies.isEmpty else { throw .invalidTopic("storage policy filter lists no policy") }
            guard !storagePolicies.contains("") else {
                throw .invalidTopic("storage policy filter has an empty policy")
            }
        }
    }
}
