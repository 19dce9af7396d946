import Cluster
import ControlProtocol

/// What a call wants otherwise than the service's usual options.
struct OptionOverride: Equatable {
    var isSharded: Bool?
    var skipPortMirroring: Bool?

    init(_ value: JSONValue?) throws(AdminError) {
        guard let value else { return }
        self = try MessageFields.read(value, message: "placementpb.Options") { fields throws(AdminError) in
            var override = try OptionOverride(nil)
            override.isSharded = try fields.optionalBool("isSharded", "is_sharded")
            override.skipPortMirroring = try fields.optionalBool("skipPortMirroring", "skip_port_mirroring")
            return override
        }
    }
}

/// The bodies of the calls on placements.
enum PlacementRequest {
    struct Init {
        var instances: [Instance]
        var numShards: Int32
        var replicationFactor: Int32
        var override: OptionOverride

        init(_ body: [UInt8]) throws(AdminError) {
            self = try MessageFields.read(
                JSONParser.firstValue(in: body), message: "admin.PlacementInitRequest"
            ) { fields throws(AdminError) in try Init(&fields) }
        }

        private init(_ fields: inout MessageFields) throws(AdminError) {
            instances = try PlacementRequest.instances(&fields, "instances")
            numShards = try fields.integer("numShards", "num_shards", as: Int32.self)
            replicationFactor = try fields.integer("replicationFactor", "replication_factor", as: Int32.self)
            override = try OptionOverride(fields.take("optionOverride", "option_override"))
        }
    }

    struct Add {
        var instances: [Instance]
        var force: Bool
        var override: OptionOverride

        init(_ body: [UInt8]) throws(AdminError) {
            self = try MessageFields.read(
                JSONParser.firstValue(in: body), message: "admin.PlacementAddRequest"
            ) { fields throws(AdminError) in try Add(&fields) }
        }

        private init(_ fields: inout MessageFields) throws(AdminError) {
            instances = try PlacementRequest.instances(&fields, "instances")
            force = try fields.bool("force")
            override = try OptionOverride(fields.take("optionOverride", "option_override"))
        }
    }

    struct Remove {
        var ids: [String]
        var force: Bool
        var override: OptionOverride

        init(_ body: [UInt8]) throws(AdminError) {
            self = try MessageFields.read(
                JSONParser.firstValue(in: body), message: "admin.PlacementRemoveRequest"
            ) { fields throws(AdminError) in try Remove(&fields) }
        }

        private init(_ fields: inout MessageFields) throws(AdminError) {
            ids = try fields.list("instanceIds", "instance_ids", MessageFields.string)
            force = try fields.bool("force")
            override = try OptionOverride(fields.take("optionOverride", "option_override"))
        }
    }

    /// M3 reads its option override and doesn't use it.
    struct Replace {
        var leaving: [String]
        var candidates: [Instance]
        var force: Bool

        init(_ body: [UInt8]) throws(AdminError) {
            self = try MessageFields.read(
                JSONParser.firstValue(in: body), message: "admin.PlacementReplaceRequest"
            ) { fields throws(AdminError) in try Replace(&fields) }
        }

        private init(_ fields: inout MessageFields) throws(AdminError) {
            leaving = try fields.list("leavingInstanceIDs", nil, MessageFields.string)
            candidates = try PlacementRequest.instances(&fields, "candidates")
            force = try fields.bool("force")
            _ = try OptionOverride(fields.take("optionOverride", "option_override"))
        }
    }

    /// Its version is read and not used, as in M3.
    struct Set {
        var placement: Placementpb_Placement?
        var confirm: Bool
        var force: Bool

        init(_ body: [UInt8]) throws(AdminError) {
            self = try MessageFields.read(
                JSONParser.firstValue(in: body), message: "admin.PlacementSetRequest"
            ) { fields throws(AdminError) in try Set(&fields) }
        }

        private init(_ fields: inout MessageFields) throws(AdminError) {
            placement = try fields.take("placement").map(PlacementJSON.placement)
            _ = try fields.integer("version", as: Int32.self)
            confirm = try fields.bool("confirm")
            force = try fields.bool("force")
        }
    }

    private static func instances(_ fields: inout MessageFields, _ name: String) throws(AdminError) -> [Instance] {
        try fields.list(name, nil) { value throws(AdminError) in
            let message = try PlacementJSON.instance(value)
            return try AdminError.converting { () throws(ClusterError) in try Instance(message) }
        }
    }
}

/// The bodies of the calls on topics.
enum TopicRequest {
    static func numberOfShards(_ body: [UInt8]) throws(AdminError) -> UInt32 {
        try MessageFields.read(
            JSONParser.firstValue(in: body), message: "admin.TopicInitRequest"
        ) { fields throws(AdminError) in
            try fields.integer("numberOfShards", "number_of_shards", as: UInt32.self)
        }
    }

    /// nil when the body has none.
    static func consumerService(_ body: [UInt8]) throws(AdminError) -> Topicpb_ConsumerService? {
        try MessageFields.read(
            JSONParser.firstValue(in: body), message: "admin.TopicAddRequest"
        ) { fields throws(AdminError) in
            try fields.take("consumerService", "consumer_service").map(TopicJSON.consumerService)
        }
    }

    static func update(
        _ body: [UInt8]
    ) throws(AdminError) -> (consumers: [Topicpb_ConsumerService], version: UInt32) {
        try MessageFields.read(
            JSONParser.firstValue(in: body), message: "admin.TopicUpdateRequest"
        ) { fields throws(AdminError) in
            (
                try fields.list("consumerServices", "consumer_services", TopicJSON.consumerService),
                try fields.integer("version", as: UInt32.self)
            )
        }
    }
}
