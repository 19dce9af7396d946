extension Placement {
    /// M3's rules for a placement, checked before each write. Throws `invalidPlacement`.
    ///
    /// Members per mirror group and the groups' isolation are the placement algorithm's business, not checked here.
    public func validate() throws(ClusterError) {
        if isMirrored, !isSharded { throw .invalidPlacement("a mirrored placement must be sharded") }
        if isSubclustered, !isSharded { throw .invalidPlacement("a subclustered placement must be sharded") }
        for instance in instances { try validate(instance) }
        try validateShardIDs()
        try validateMirrors()
        if isSharded { try validateShardCounts() }
        try validateMoves()
    }

    /// What tables indexed by shard rely on, checked after each read too. Throws `invalidPlacement`.
    func validateShardIDs() throws(ClusterError) {
        guard numShards <= Self.maxShards else {
            throw .invalidPlacement("num_shards is \(numShards), the limit is \(Self.maxShards)")
        }
        for instance in instances {
            guard let last = instance.shards.last, last.id >= numShards else { continue }
            throw .invalidPlacement(
                "instance \(instance.id) has shard \(last.id), shard ids must be below \(numShards)")
        }
    }

    private func validate(_ instance: Instance) throws(ClusterError) {
        let name = "instance \(instance.id)"
        guard !instance.endpoint.isEmpty else { throw .invalidPlacement("\(name) does not contain valid endpoint") }
        if isSharded, instance.shards.isEmpty {
            throw .invalidPlacement("\(name) contains no shard in a sharded placement")
        }
        if !isSharded, !instance.shards.isEmpty {
            throw .invalidPlacement("\(name) contains shards in a non-sharded placement")
        }
        if isSubclustered != (instance.subclusterID != 0) {
            throw .invalidPlacement(
                "\(name) has subcluster id \(instance.subclusterID) in a placement that is "
                    + (isSubclustered ? "subclustered" : "not subclustered"))
        }
        guard instance.shardSetID <= maxShardSetID else {
            throw .invalidPlacement(
                "\(name) has shard set id \(instance.shardSetID), more than the maximum \(maxShardSetID)")
        }
    }

    private func validateMirrors() throws(ClusterError) {
        var firstOfSet: [UInt32: Instance] = [:]
        for instance in instances where instance.shardSetID != 0 {
            guard let first = firstOfSet[instance.shardSetID] else {
                firstOfSet[instance.shardSetID] = instance
                continue
            }
            guard first.shards.lazy.map(\.id).elementsEqual(instance.shards.lazy.map(\.id)) else {
                throw .invalidPlacement(
                    "instances \(first.id) and \(instance.id) share shard set id \(instance.shardSetID) "
                        + "but own different shards")
            }
        }
    }

    private func validateShardCounts() throws(ClusterError) {
        let all = instances.flatMap(\.shards)
        let leaving = all.count { $0.state == .leaving }
        let initializing = all.count { $0.state == .initializing }
        let sourced = all.count { $0.state == .initializing && !$0.sourceID.isEmpty }
        guard leaving <= initializing else {
            throw .invalidPlacement(
                "invalid placement, \(leaving) shards in Leaving state, more than \(initializing) in Initializing state"
            )
        }
        guard leaving == sourced else {
            throw .invalidPlacement(
                "invalid placement, \(leaving) shards in Leaving state, not equal \(sourced) in Initializing state with source id"
            )
        }
        let expected = UInt64(numShards) * UInt64(replicaFactor)
        guard UInt64(all.count - leaving) == expected else {
            throw .invalidPlacement(
                "invalid placement, the total available shards in the placement is \(all.count - leaving), "
                    + "expecting \(expected)")
        }
        var counts = [UInt32](repeating: 0, count: Int(numShards))
        for shard in all where shard.state != .leaving { counts[Int(shard.id)] += 1 }
        for (id, count) in counts.enumerated() where count != replicaFactor {
            throw .invalidPlacement(
                "invalid shard count for shard \(id): expected \(replicaFactor), actual \(count)")
        }
    }

    private func validateMoves() throws(ClusterError) {
        struct Move: Hashable {
            var source: String
            var shard: UInt32
        }
        var moves: Set<Move> = []
        for instance in instances {
            for shard in instance.shards where shard.state == .initializing && !shard.sourceID.isEmpty {
                let what = "instance \(instance.id): initializing shard \(shard.id) comes from \(shard.sourceID)"
                guard let source = self.instance(shard.sourceID) else {
                    throw .invalidPlacement("\(what), which is not in the placement")
                }
                guard source.shard(shard.id)?.state == .leaving else {
                    throw .invalidPlacement("\(what), where it is not leaving")
                }
                guard moves.insert(Move(source: shard.sourceID, shard: shard.id)).inserted else {
                    throw .invalidPlacement("\(what), as another instance's copy does")
                }
            }
        }
    }
}
