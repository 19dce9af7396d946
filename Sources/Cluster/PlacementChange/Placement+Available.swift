extension Placement {
    /// Takes a move for finished: the shard is available on its new owner, and the old owner's copy goes away, as does an instance
    /// that has no shard left. Throws `placementChange`, before the cutover and while the old owner may have windows to publish.
    public func markingAvailable(
        _ shardID: UInt32, on id: String, times: PlacementTimes
    ) throws(ClusterError) -> Placement {
        guard let owner = instance(id) else { throw .placementChange("instance \(id) does not exist in placement") }
        guard let shard = owner.shard(shardID) else {
            throw .placementChange("shard \(shardID) does not exist in instance \(id)")
        }
        guard shard.state == .initializing else {
            throw .placementChange("could not mark shard \(shardID) as available, it's not in Initializing state")
        }
        guard times.isPast(cutover: shard.cutoverNanos) else {
            throw .placementChange(
                "could not mark shard \(shardID) available before cutover time \(shard.cutoverNanos) (nanoseconds since 1970)"
            )
        }
        var changed: [String: Instance] = [:]
        var taker = owner
        taker.setShards(
            owner.shards.filter { $0.id != shardID } + [
                ShardAssignment(id: shardID, state: .available, redirectToShardID: shard.redirectToShardID)
            ])
        changed[id] = taker
        if !shard.sourceID.isEmpty {
            guard var source = instance(shard.sourceID), let leaving = source.shard(shardID) else {
                throw .placementChange(
                    "source instance \(shard.sourceID) for shard \(shardID) does not exist in placement")
            }
            guard leaving.state == .leaving else {
                throw .placementChange("shard \(shardID) is not leaving instance \(shard.sourceID)")
            }
            guard times.isPast(cutoff: leaving.cutoffNanos) else {
                throw .placementChange(
                    "could not return leaving shard \(shardID) with cutoff time \(leaving.cutoffNanos), "
                        + "max aggregation window \(times.maxAggregationWindow)")
            }
            source.setShards(source.shards.filter { $0.id != shardID })
            changed[source.id] = source
        }
        var placement = self
        placement.setInstances(instances.map { changed[$0.id] ?? $0 }.filter { !$0.shards.isEmpty })
        return placement
    }

    /// All moves finished. Throws as `markingAvailable` for the first that isn't.
    public func markingAllAvailable(times: PlacementTimes) throws(ClusterError) -> Placement {
        try markingAvailable(on: instances.map(\.id), times: times)
    }

    func markingAvailable(on ids: [String], times: PlacementTimes) throws(ClusterError) -> Placement {
        var placement = self
        for id in ids {
            for shard in instance(id)?.shards ?? [] where shard.state == .initializing {
                placement = try placement.markingAvailable(shard.id, on: id, times: times)
            }
        }
        return placement
    }

    /// As `markingAllAvailable`, for services whose shards change hands at once, without looking at any clock.
    func stable() throws(ClusterError) -> Placement {
        try markingAllAvailable(times: PlacementTimes(now: .max))
    }
}
