import ControlProtocol
import SwiftProtobuf

/// M3's JSON of placements.
enum PlacementJSON {
    static let states = ["INITIALIZING", "AVAILABLE", "LEAVING"]

    static func placement(_ value: JSONValue) throws(AdminError) -> Placementpb_Placement {
        try MessageFields.read(value, message: "placementpb.Placement") { fields throws(AdminError) in
            var placement = Placementpb_Placement()
            placement.instances = try fields.map("instances", instance)
            placement.replicaFactor = try fields.integer("replicaFactor", "replica_factor", as: UInt32.self)
            placement.numShards = try fields.integer("numShards", "num_shards", as: UInt32.self)
            placement.isSharded = try fields.bool("isSharded", "is_sharded")
            placement.cutoverTime = try fields.integer("cutoverTime", "cutover_time", as: Int64.self)
            placement.isMirrored = try fields.bool("isMirrored", "is_mirrored")
            placement.maxShardSetID = try fields.integer("maxShardSetId", "max_shard_set_id", as: UInt32.self)
            placement.isSubclustered = try fields.bool("isSubclustered", "is_subclustered")
            placement.instancesPerSubcluster = try fields.integer(
                "instancesPerSubcluster", "instances_per_subcluster", as: UInt32.self)
            return placement
        }
    }

    static func instance(_ value: JSONValue) throws(AdminError) -> Placementpb_Instance {
        try MessageFields.read(value, message: "placementpb.Instance") { fields throws(AdminError) in
            var instance = Placementpb_Instance()
            instance.id = try fields.string("id")
            instance.isolationGroup = try fields.string("isolationGroup", "isolation_group")
            instance.zone = try fields.string("zone")
            instance.weight = try fields.integer("weight", as: UInt32.self)
            instance.endpoint = try fields.string("endpoint")
            instance.shards = try fields.list("shards", nil, shard)
            instance.shardSetID = try fields.integer("shardSetId", "shard_set_id", as: UInt32.self)
            instance.hostname = try fields.string("hostname")
            instance.port = try fields.integer("port", as: UInt32.self)
            if let metadata = fields.take("metadata") {
                instance.metadata = try MessageFields.read(metadata, message: "placementpb.InstanceMetadata") {
                    fields throws(AdminError) in
                    var metadata = Placementpb_InstanceMetadata()
                    metadata.debugPort = try fields.integer("debugPort", "debug_port", as: UInt32.self)
                    return metadata
                }
            }
            instance.subclusterID = try fields.integer("subclusterId", "subcluster_id", as: UInt32.self)
            return instance
        }
    }

    private static func shard(_ value: JSONValue) throws(AdminError) -> Placementpb_Shard {
        try MessageFields.read(value, message: "placementpb.Shard") { fields throws(AdminError) in
            var shard = Placementpb_Shard()
            shard.id = try fields.integer("id", as: UInt32.self)
            let state = try fields.enumeration("state", nil, states, type: "placementpb.ShardState")
            shard.state = Placementpb_ShardState(rawValue: state) ?? .UNRECOGNIZED(state)
            shard.sourceID = try fields.string("sourceId", "source_id")
            shard.cutoverNanos = try fields.integer("cutoverNanos", "cutover_nanos", as: Int64.self)
            shard.cutoffNanos = try fields.integer("cutoffNanos", "cutoff_nanos", as: Int64.self)
            if let redirect = fields.take("redirectToShardId", "redirect_to_shard_id") {
                shard.redirectToShardID = Google_Protobuf_UInt32Value(
                    try MessageFields.integer(redirect, as: UInt32.self))
            }
            return shard
        }
    }

    static func write(_ placement: Placementpb_Placement, to json: inout JSONWriter) {
        json.object { json in
            json.key("instances")
            json.object { json in
                for id in placement.instances.keys.sorted() {
                    guard let instance = placement.instances[id] else { continue }
                    json.key(id)
                    write(instance, to: &json)
                }
            }
            json.field("replicaFactor", placement.replicaFactor)
            json.field("numShards", placement.numShards)
            json.field("isSharded", placement.isSharded)
            json.field("cutoverTime", placement.cutoverTime)
            json.field("isMirrored", placement.isMirrored)
            json.field("maxShardSetId", placement.maxShardSetID)
            json.field("isSubclustered", placement.isSubclustered)
            json.field("instancesPerSubcluster", placement.instancesPerSubcluster)
        }
    }

    private static func write(_ instance: Placementpb_Instance, to json: inout JSONWriter) {
        json.object { json in
            json.field("id", instance.id)
            json.field("isolationGroup", instance.isolationGroup)
            json.field("zone", instance.zone)
            json.field("weight", instance.weight)
            json.field("endpoint", instance.endpoint)
            json.key("shards")
            json.array(instance.shards) { json, shard in write(shard, to: &json) }
            json.field("shardSetId", instance.shardSetID)
            json.field("hostname", instance.hostname)
            json.field("port", instance.port)
            json.key("metadata")
            if instance.hasMetadata {
                json.object { $0.field("debugPort", instance.metadata.debugPort) }
            } else {
                json.null()
            }
            json.field("subclusterId", instance.subclusterID)
        }
    }

    private static func write(_ shard: Placementpb_Shard, to json: inout JSONWriter) {
        json.object { json in
            json.field("id", shard.id)
            let state = shard.state.rawValue
            json.field("state", states.indices.contains(state) ? states[state] : "\(state)")
            json.field("sourceId", shard.sourceID)
            json.field("cutoverNanos", shard.cutoverNanos)
            json.field("cutoffNanos", shard.cutoffNanos)
            json.key("redirectToShardId")
            if shard.hasRedirectToShardID { json.raw("\(shard.redirectToShardID.value)") } else { json.null() }
        }
    }
}
