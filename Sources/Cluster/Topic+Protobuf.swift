import ControlProtocol

extension Topic {
    static let kindName = "topic"

    /// Throws `undecodable` for bytes that are no topic or a consumption type that M3 does not know, `invalidTopic` else.
    public init(protobuf bytes: [UInt8]) throws(ClusterError) {
        let message = try ProtobufCoding.decode(Topicpb_Topic.self, bytes, what: Self.kindName)
        var consumers: [ConsumerService] = []
        for consumer in message.consumerServices { consumers.append(try ConsumerService(consumer)) }
        self.init(name: message.name, numberOfShards: message.numberOfShards, consumerServices: consumers)
        try validate()
    }

    /// The bytes that M3 writes for this topic. Throws `invalidTopic`.
    public func protobuf() throws(ClusterError) -> [UInt8] {
        try validate()
        return try ProtobufCoding.encode(message, what: Self.kindName)
    }

    package var message: Topicpb_Topic {
        var message = Topicpb_Topic()
        message.name = name
        message.numberOfShards = numberOfShards
        message.consumerServices = consumerServices.map { $0.message }
        return message
    }
}

extension ConsumerService {
    package init(_ message: Topicpb_ConsumerService) throws(ClusterError) {
        let type: ConsumptionType
        switch message.consumptionType {
        case .shared: type = .shared
        case .replicated: type = .replicated
        case .unknown, .UNRECOGNIZED:
            throw .undecodable(
                what: Topic.kindName, reason: "invalid consumption type in protobuf: \(message.consumptionType.m3Name)")
        }
        self.init(
            serviceID: ServiceID(
                name: message.serviceID.name, environment: message.serviceID.environment, zone: message.serviceID.zone),
            consumptionType: type,
            messageTTLNanos: message.messageTtlNanos,
            filters: message.hasFilters ? ConsumerFilters(message.filters) : nil)
    }

    fileprivate var message: Topicpb_ConsumerService {
        var message = Topicpb_ConsumerService()
        message.serviceID.name = serviceID.name
        message.serviceID.environment = serviceID.environment
        message.serviceID.zone = serviceID.zone
        message.consumptionType =
            switch consumptionType {
            case .shared: .shared
            case .replicated: .replicated
            }
        message.messageTtlNanos = messageTTLNanos
        if let filters { message.filters = filters.message }
        return message
    }
}

extension ConsumerFilters {
    fileprivate init(_ message: Topicpb_Filters) {
        self.init()
        if message.hasStoragePolicyFilter { storagePolicies = message.storagePolicyFilter.storagePolicies }
        if message.hasPercentageFilter { percentage = message.percentageFilter.percentage }
        if message.hasShardSetFilter { shardSet = message.shardSetFilter.shardSet }
        if message.hasRoutingPolicyFilter {
            routingPolicy = RoutingPolicy(
                allowedTrafficTypes: message.routingPolicyFilter.allowedTrafficTypes,
                isDefault: message.routingPolicyFilter.isDefault)
        }
    }

    fileprivate var message: Topicpb_Filters {
        var message = Topicpb_Filters()
        if let storagePolicies { message.storagePolicyFilter.storagePolicies = storagePolicies }
        if let percentage { message.percentageFilter.percentage = percentage }
        if let shardSet { message.shardSetFilter.shardSet = shardSet }
        if let routingPolicy {
            message.routingPolicyFilter.allowedTrafficTypes = routingPolicy.allowedTrafficTypes
            message.routingPolicyFilter.isDefault = routingPolicy.isDefault
        }
        return message
    }
}

extension Topicpb_ConsumptionType {
    fileprivate var m3Name: String {
        switch self {
        case .unknown: "UNKNOWN"
        case .shared: "SHARED"
        case .replicated: "REPLICATED"
        case .UNRECOGNIZED(let value): "\(value)"
        }
    }
}
