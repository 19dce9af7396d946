import ControlProtocol

/// M3's JSON of topics.
enum TopicJSON {
    static let consumptionTypes = ["UNKNOWN", "SHARED", "REPLICATED"]

    static func consumerService(_ value: JSONValue) throws(AdminError) -> Topicpb_ConsumerService {
        try MessageFields.read(value, message: "topicpb.ConsumerService") { fields throws(AdminError) in
            var consumer = Topicpb_ConsumerService()
            if let id = fields.take("serviceId", "service_id") {
                consumer.serviceID = try MessageFields.read(id, message: "topicpb.ServiceID") {
                    fields throws(AdminError) in
                    var id = Topicpb_ServiceID()
                    id.name = try fields.string("name")
                    id.environment = try fields.string("environment")
                    id.zone = try fields.string("zone")
                    return id
                }
            }
            let type = try fields.enumeration(
                "consumptionType", "consumption_type", consumptionTypes, type: "topicpb.ConsumptionType")
            consumer.consumptionType = Topicpb_ConsumptionType(rawValue: type) ?? .UNRECOGNIZED(type)
            consumer.messageTtlNanos = try fields.integer("messageTtlNanos", "message_ttl_nanos", as: Int64.self)
            if let filters = fields.take("filters") { consumer.filters = try self.filters(filters) }
            return consumer
        }
    }

    private static func filters(_ value: JSONValue) throws(AdminError) -> Topicpb_Filters {
        try MessageFields.read(value, message: "topicpb.Filters") { fields throws(AdminError) in
            var filters = Topicpb_Filters()
            if let filter = fields.take("storagePolicyFilter", "storage_policy_filter") {
                filters.storagePolicyFilter.storagePolicies = try MessageFields.read(
                    filter, message: "topicpb.StoragePolicyFilter"
                ) { fields throws(AdminError) in
                    try fields.list("storagePolicies", "storage_policies", MessageFields.string)
                }
            }
            if let filter = fields.take("percentageFilter", "percentage_filter") {
                filters.percentageFilter.percentage = try MessageFields.read(
                    filter, message: "topicpb.PercentageFilter"
                ) { fields throws(AdminError) in try fields.double("percentage") }
            }
            if let filter = fields.take("shardSetFilter", "shard_set_filter") {
                filters.shardSetFilter.shardSet = try MessageFields.read(
                    filter, message: "topicpb.ShardSetFilter"
                ) { fields throws(AdminError) in try fields.string("shardSet", "shard_set") }
            }
            if let filter = fields.take("routingPolicyFilter", "routing_policy_filter") {
                filters.routingPolicyFilter = try MessageFields.read(
                    filter, message: "topicpb.RoutingPolicyFilter"
                ) { fields throws(AdminError) in
                    var policy = Topicpb_RoutingPolicyFilter()
                    policy.allowedTrafficTypes = try fields.list(
                        "allowedTrafficTypes", "allowed_traffic_types", MessageFields.string)
                    policy.isDefault = try fields.bool("isDefault", "is_default")
                    return policy
                }
            }
            return filters
        }
    }

    static func write(_ topic: Topicpb_Topic, to json: inout JSONWriter) {
        json.object { json in
            json.field("name", topic.name)
            json.field("numberOfShards", topic.numberOfShards)
            json.key("consumerServices")
            json.array(topic.consumerServices) { json, consumer in write(consumer, to: &json) }
        }
    }

    private static func write(_ consumer: Topicpb_ConsumerService, to json: inout JSONWriter) {
        json.object { json in
            json.key("serviceId")
            json.object { json in
                json.field("name", consumer.serviceID.name)
                json.field("environment", consumer.serviceID.environment)
                json.field("zone", consumer.serviceID.zone)
            }
            let type = consumer.consumptionType.rawValue
            json.field(
                "consumptionType",
                consumptionTypes.indices.contains(type) ? consumptionTypes[type] : "\(type)")
            json.field("messageTtlNanos", consumer.messageTtlNanos)
            json.key("filters")
            if consumer.hasFilters { write(consumer.filters, to: &json) } else { json.null() }
        }
    }

    private static func write(_ filters: Topicpb_Filters, to json: inout JSONWriter) {
        func part(_ name: String, _ isPresent: Bool, _ body: (inout JSONWriter) -> Void, _ json: inout JSONWriter) {
            json.key(name)
            if isPresent { json.object(body) } else { json.null() }
        }
        json.object { json in
            part(
                "storagePolicyFilter", filters.hasStoragePolicyFilter,
                { json in
                    json.key("storagePolicies")
                    json.array(filters.storagePolicyFilter.storagePolicies) { $0.string($1) }
                }, &json)
            part(
                "percentageFilter", filters.hasPercentageFilter,
                { json in
                    json.key("percentage")
                    json.raw(number(filters.percentageFilter.percentage))
                }, &json)
            part(
                "shardSetFilter", filters.hasShardSetFilter,
                { $0.field("shardSet", filters.shardSetFilter.shardSet) }, &json)
            part(
                "routingPolicyFilter", filters.hasRoutingPolicyFilter,
                { json in
                    json.key("allowedTrafficTypes")
                    json.array(filters.routingPolicyFilter.allowedTrafficTypes) { $0.string($1) }
                    json.field("isDefault", filters.routingPolicyFilter.isDefault)
                }, &json)
        }
    }

    /// Stored percentages lie between 0 and 100, so that Go's shortest form has no exponent unless the value is below 10⁻⁶, where
    /// Swift's has one as well.
    private static func number(_ value: Double) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// As M3 prints a consumer in errors.
    static func compactText(_ consumer: Topicpb_ConsumerService) -> String {
        var text = ""
        if consumer.hasServiceID {
            text += "service_id:<"
            for (name, value) in [
                ("name", consumer.serviceID.name), ("environment", consumer.serviceID.environment),
                ("zone", consumer.serviceID.zone),
            ] where !value.isEmpty { text += "\(name):\(GoText.quoted(value)) " }
            text += "> "
        }
        if consumer.consumptionType != .unknown {
            let type = consumer.consumptionType.rawValue
            text +=
                "consumption_type:\(consumptionTypes.indices.contains(type) ? consumptionTypes[type] : "\(type)") "
        }
        if consumer.messageTtlNanos != 0 { text += "message_ttl_nanos:\(consumer.messageTtlNanos) " }
        return text
    }
}
