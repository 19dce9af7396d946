/// A process in a placement.
public struct Instance: Sendable, Hashable {
    public var id: String
    /// Replicas of a shard are placed in different groups, such as racks.
    public var isolationGroup: String
    public var zone: String
    public var weight: UInt32
    /// `host:port` that producers dial.
    public var endpoint: String
    /// Ascending by id, each id once.
    public private(set) var shards: [ShardAssignment]
    /// Instances with equal non-zero ids are mirrors; 0: unset.
    public var shardSetID: UInt32
    public var hostname: String
    public var port: UInt32
    public var debugPort: UInt32
    /// 0: unset.
    public var subclusterID: UInt32

    /// Of shards with the same id the last one counts, as in M3.
    public init(
        id: String, isolationGroup: String, zone: String = ServiceID.defaultZone, weight: UInt32 = 0, endpoint: String,
        shards: [ShardAssignment] = [], shardSetID: UInt32 = 0, hostname: String, port: UInt32, debugPort: UInt32 = 0,
        subclusterID: UInt32 = 0
    ) {
        self.id = id
        self.isolationGroup = isolationGroup
        self.zone = zone
        self.weight = weight
        self.endpoint = endpoint
        self.shards = []
        self.shardSetID = shardSetID
        self.hostname = hostname
        self.port = port
        self.debugPort = debugPort
        self.subclusterID = subclusterID
        setShards(shards)
    }

    public mutating func setShards(_ shards: [ShardAssignment]) {
        var byID: [UInt32: ShardAssignment] = [:]
        for shard in shards { byID[shard.id] = shard }
        self.shards = byID.values.sorted { $0.id < $1.id }
    }

    /// The shard as this instance holds it, in any state.
    public func shard(_ id: UInt32) -> ShardAssignment? {
        var low = 0
        var high = shards.count
        while low < high {
            let middle = (low + high) / 2
            if shards[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < shards.count && shards[low].id == id ? shards[low] : nil
    }

    /// The state that all its shards share; nil when they differ or there are none.
    public var commonState: ShardAssignment.State? {
        guard let first = shards.first?.state, shards.allSatisfy({ $0.state == first }) else { return nil }
        return first
    }
}
