/// Which instances a service has and which shards each of them owns.
public struct Placement: Sendable, Hashable {
    /// Ascending by id.
    public private(set) var instances: [Instance]
    public var replicaFactor: UInt32
    /// Shard ids are 0 to `numShards` - 1; 0 in a placement that is not sharded.
    public var numShards: UInt32
    public var isSharded: Bool
    /// Nanoseconds since 1970; M3 writes 0 and takes the latest placement at once.
    public var cutoverTimeNanos: Int64
    public var isMirrored: Bool
    public var maxShardSetID: UInt32
    public var isSubclustered: Bool
    public var instancesPerSubcluster: UInt32

    /// Bounds the tables that a placement read from outside makes us build; M3 clusters use up to 4096.
    public static let maxShards: UInt32 = 65_536

    /// Of instances with the same id the last one counts.
    public init(
        instances: [Instance], replicaFactor: UInt32, numShards: UInt32 = 0, isSharded: Bool = false,
        cutoverTimeNanos: Int64 = 0, isMirrored: Bool = false, maxShardSetID: UInt32 = 0, isSubclustered: Bool = false,
        instancesPerSubcluster: UInt32 = 0
    ) {
        self.instances = []
        self.replicaFactor = replicaFactor
        self.numShards = numShards
        self.isSharded = isSharded
        self.cutoverTimeNanos = cutoverTimeNanos
        self.isMirrored = isMirrored
        self.maxShardSetID = maxShardSetID
        self.isSubclustered = isSubclustered
        self.instancesPerSubcluster = instancesPerSubcluster
        setInstances(instances)
    }

    public mutating func setInstances(_ instances: [Instance]) {
        var byID: [String: Instance] = [:]
        for instance in instances { byID[instance.id] = instance }
        self.instances = byID.values.sorted { $0.id < $1.id }
    }

    public func instance(_ id: String) -> Instance? {
        instances.first { $0.id == id }
    }

    /// The shards that `instance` holds in any state, ascending; none when the placement does not have it.
    public func shards(of instance: String) -> [ShardAssignment] {
        self.instance(instance)?.shards ?? []
    }

    /// All instances that hold the shard in any state: during a move the old owner (leaving) and the new one (initializing).
    public func owners(of shard: UInt32) -> [Instance] {
        instances.filter { $0.shard(shard) != nil }
    }
}

extension Placement {
    /// The first placement of a service with a single sharded instance, which owns all shards, available, from the start; the
    /// instance is its own mirror group, as M3's aggregator wants it. The shards of `instance` are replaced.
    public static func initial(sharded instance: Instance, numShards: UInt32) throws(ClusterError) -> Placement {
        guard numShards <= maxShards else {
            throw .invalidPlacement("\(numShards) shards, the limit is \(maxShards)")
        }
        var owner = instance
        owner.setShards((0..<numShards).map { ShardAssignment(id: $0, state: .available) })
        owner.shardSetID = 1
        if owner.weight == 0 { owner.weight = 1 }
        let placement = Placement(
            instances: [owner], replicaFactor: 1, numShards: numShards, isSharded: true, isMirrored: true,
            maxShardSetID: 1)
        try placement.validate()
        return placement
    }

    /// The placement of a service whose instances share all work, such as the coordinators.
    public static func initial(unsharded instances: [Instance]) throws(ClusterError) -> Placement {
        let placement = Placement(
            instances: instances.map {
                var instance = $0
                instance.setShards([])
                return instance
            }, replicaFactor: 1)
        try placement.validate()
        return placement
    }
}
