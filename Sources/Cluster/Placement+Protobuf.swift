import ControlProtocol
import SwiftProtobuf

extension Placement {
    static let kindName = "placement"
    static let stagedKindName = "placement snapshots"

    /// Reads the plain form. Like M3, takes any placement whose shard ids lie within its shards, also one that `validate` would
    /// not let anyone write. Throws `undecodable` or `invalidPlacement`.
    public init(protobuf bytes: [UInt8]) throws(ClusterError) {
        try self.init(ProtobufCoding.decode(Placementpb_Placement.self, bytes, what: Self.kindName))
    }

    /// Reads the staged form, compressed or not. Of several snapshots the one with the latest cutover time counts, at once.
    /// Throws `undecodable` or `invalidPlacement`.
    public init(stagedProtobuf bytes: [UInt8]) throws(ClusterError) {
        let message = try ProtobufCoding.decode(Placementpb_PlacementSnapshots.self, bytes, what: Self.stagedKindName)
        switch message.compressMode {
        case .zstd:
            let plain = try ZstdFrame.decompress([UInt8](message.compressedPlacement), what: Self.stagedKindName)
            try self.init(protobuf: plain)
        case .none:
            guard let latest = message.snapshots.max(by: { $0.cutoverTime < $1.cutoverTime }) else {
                throw .undecodable(what: Self.stagedKindName, reason: "placement snapshots is empty")
            }
            try self.init(latest)
        case .UNRECOGNIZED(let mode):
            throw .undecodable(what: Self.stagedKindName, reason: "unknown compress mode \(mode)")
        }
    }

    /// The plain form. Throws `invalidPlacement`.
    public func protobuf() throws(ClusterError) -> [UInt8] {
        try validate()
        return try ProtobufCoding.encode(message, what: Self.kindName)
    }

    /// The staged form as M3 writes it: one snapshot, not compressed, effective at once whatever its cutover time was. Throws
    /// `invalidPlacement`.
    public func stagedProtobuf() throws(ClusterError) -> [UInt8] {
        try validate()
        var snapshot = message
        snapshot.cutoverTime = 0
        var snapshots = Placementpb_PlacementSnapshots()
        snapshots.snapshots = [snapshot]
        return try ProtobufCoding.encode(snapshots, what: Self.stagedKindName)
    }

    package init(_ message: Placementpb_Placement) throws(ClusterError) {
        var instances: [Instance] = []
        instances.reserveCapacity(message.instances.count)
        for key in message.instances.keys.sorted() {
            guard let instance = message.instances[key] else { continue }
            guard instance.id == key else {
                throw .undecodable(
                    what: Self.kindName, reason: "instance '\(instance.id)' is stored under the id '\(key)'")
            }
            instances.append(try Instance(instance))
        }
        self.init(
            instances: instances, replicaFactor: message.replicaFactor, numShards: message.numShards,
            isSharded: message.isSharded, cutoverTimeNanos: message.cutoverTime, isMirrored: message.isMirrored,
            maxShardSetID: message.maxShardSetID, isSubclustered: message.isSubclustered,
            instancesPerSubcluster: message.instancesPerSubcluster)
        try validateShardIDs()
    }

    package var message: Placementpb_Placement {
        var message = Placementpb_Placement()
        for instance in instances { message.instances[instance.id] = instance.message }
        message.replicaFactor = replicaFactor
        message.numShards = numShards
        message.isSharded = isSharded
        message.cutoverTime = cutoverTimeNanos
        message.isMirrored = isMirrored
        message.maxShardSetID = maxShardSetID
        message.isSubclustered = isSubclustered
        message.instancesPerSubcluster = instancesPerSubcluster
        return message
    }
}

extension Instance {
    package init(_ message: Placementpb_Instance) throws(ClusterError) {
        var shards: [ShardAssignment] = []
        shards.reserveCapacity(message.shards.count)
        for shard in message.shards { shards.append(try ShardAssignment(shard)) }
        self.init(
            id: message.id, isolationGroup: message.isolationGroup, zone: message.zone, weight: message.weight,
            endpoint: message.endpoint, shards: shards, shardSetID: message.shardSetID, hostname: message.hostname,
            port: message.port, debugPort: message.metadata.debugPort, subclusterID: message.subclusterID)
    }

    var message: Placementpb_Instance {
        var message = Placementpb_Instance()
        message.id = id
        message.isolationGroup = isolationGroup
        message.zone = zone
        message.weight = weight
        message.endpoint = endpoint
        message.shards = shards.map(\.message)
        message.shardSetID = shardSetID
        message.hostname = hostname
        message.port = port
        // M3 writes the metadata even when all of it is zero.
        message.metadata = Placementpb_InstanceMetadata()
        message.metadata.debugPort = debugPort
        message.subclusterID = subclusterID
        return message
    }
}

extension ShardAssignment {
    init(_ message: Placementpb_Shard) throws(ClusterError) {
        let state: State
        switch message.state {
        case .initializing: state = .initializing
        case .available: state = .available
        case .leaving: state = .leaving
        case .UNRECOGNIZED(let value):
            throw .undecodable(what: Placement.kindName, reason: "shard \(message.id) has the unknown state \(value)")
        }
        self.init(
            id: message.id, state: state, sourceID: message.sourceID, cutoverNanos: message.cutoverNanos,
            cutoffNanos: message.cutoffNanos == 0 ? Self.never : message.cutoffNanos,
            redirectToShardID: message.hasRedirectToShardID ? message.redirectToShardID.value : nil)
    }

    var message: Placementpb_Shard {
        var message = Placementpb_Shard()
        message.id = id
        message.state =
            switch state {
            case .initializing: .initializing
            case .available: .available
            case .leaving: .leaving
            }
        message.sourceID = sourceID
        message.cutoverNanos = cutoverNanos
        message.cutoffNanos = cutoffNanos == Self.never ? 0 : cutoffNanos
        if let redirectToShardID { message.redirectToShardID = Google_Protobuf_UInt32Value(redirectToShardID) }
        return message
    }
}
