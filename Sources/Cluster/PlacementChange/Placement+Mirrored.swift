/// Mirrored placements: the instances of a shard set hold the same shards, so a set moves as one.
extension Placement {
    static func initialMirrored(
        _ instances: [Instance], numShards: UInt32, replicaFactor: UInt32, times: PlacementTimes
    ) throws(ClusterError) -> Placement {
        let groups = try MirrorGroups(instances, replicaFactor: replicaFactor)
        let virtual = try initialSharded(groups.virtualInstances, numShards: numShards, replicaFactor: 1, times: times)
        return groups.expand(virtual, replicaFactor: replicaFactor)
    }

    func addingMirrored(_ added: [Instance], times: PlacementTimes) throws(ClusterError) -> Placement {
        let leaving = instances.filter { $0.commonState == .leaving }
        if !leaving.isEmpty, Set(leaving.map(\.id)) == Set(added.map(\.id)),
            leaving.allSatisfy({ $0.shards.allSatisfy { $0.cutoffNanos > times.now } })
        {
            return try reclaiming(leaving.map(\.id), times: times)
        }
        let settled = try markingAllAvailable(times: times)
        for instance in added where settled.instance(instance.id) != nil {
            throw .placementChange("instance \(instance.id) already exist in the placement")
        }
        let new = try MirrorGroups(added, replicaFactor: replicaFactor)
        let groups = try MirrorGroups(settled.instances + added, replicaFactor: replicaFactor)
        var virtual = groups.virtualPlacement(settled)
        for instance in new.virtualInstances { virtual = try virtual.addingSharded(instance, times: times) }
        return groups.expand(virtual, replicaFactor: replicaFactor)
    }

    func removingMirrored(_ ids: [String], times: PlacementTimes) throws(ClusterError) -> Placement {
        for id in ids where instance(id) == nil {
            throw .placementChange("instance \(id) does not exist in placement")
        }
        let coming = instances.filter { $0.commonState == .initializing }
        if !coming.isEmpty, Set(coming.map(\.id)) == Set(ids),
            coming.allSatisfy({ $0.shards.allSatisfy { $0.cutoverNanos > times.now && !$0.sourceID.isEmpty } })
        {
            return try reclaiming(Set(coming.flatMap { $0.shards.map(\.sourceID) }).sorted(), times: times)
        }
        let settled = try markingAllAvailable(times: times)
        let leaving = try MirrorGroups(ids.compactMap { settled.instance($0) }, replicaFactor: replicaFactor)
        let groups = try MirrorGroups(settled.instances, replicaFactor: replicaFactor)
        var virtual = groups.virtualPlacement(settled)
        for instance in leaving.virtualInstances { virtual = try virtual.removingSharded(instance.id, times: times) }
        return groups.expand(virtual, replicaFactor: replicaFactor)
    }

    func replacingMirrored(
        _ ids: [String], with added: [Instance], times: PlacementTimes
    ) throws(ClusterError) -> Placement {
        guard ids.count == added.count else {
            throw .placementChange(
                "could not replace \(ids.count) instances with \(added.count) instances for mirrored replace")
        }
        let leaving = ids.compactMap(instance)
        guard leaving.count == ids.count else {
            throw .placementChange("instance \(ids.first { instance($0) == nil } ?? "") does not exist in placement")
        }
        let returning = added.compactMap { instance($0.id) }
        if returning.count == added.count,
            returning.allSatisfy({ $0.commonState == .leaving && $0.shards.allSatisfy { $0.cutoffNanos > times.now } }),
            leaving.allSatisfy({
                $0.commonState == .initializing && $0.shards.allSatisfy { $0.cutoverNanos > times.now }
            })
        {
            return try reclaiming(returning.map(\.id), times: times)
        }
        let sets = Set(leaving.map(\.shardSetID))
        let affected = instances.filter { sets.contains($0.shardSetID) }.map(\.id)
        var placement = try markingAvailable(on: affected, times: times)
        for id in ids {
            guard let member = placement.instance(id), member.commonState == .available,
                member.shards.allSatisfy({ $0.cutoffNanos > times.now })
            else { throw .placementChange("replaced instances must have all their shards available") }
        }
        for (id, instance) in zip(ids, added) {
            placement = try placement.replacingSharded([id], with: [instance], allowPartial: false, times: times)
        }
        return placement
    }

    /// Gives instances back what is leaving them.
    private func reclaiming(_ ids: [String], times: PlacementTimes) throws(ClusterError) -> Placement {
        var balancer = try ShardBalancer(self, times: times)
        for id in ids { balancer.reclaim(id) }
        return balancer.placement(like: self)
    }
}

/// The shard sets of a mirrored placement, each seen as one instance of an unmirrored one with a single replica.
struct MirrorGroups {
    /// By shard set id; members ascending by id.
    private let groups: [UInt32: [Instance]]

    /// Throws for sets that are incomplete or whose members don't match.
    init(_ instances: [Instance], replicaFactor: UInt32) throws(ClusterError) {
        groups = Dictionary(grouping: instances, by: \.shardSetID).mapValues { $0.sorted { $0.id < $1.id } }
        for (id, members) in groups.sorted(by: { $0.key < $1.key }) {
            guard let first = members.first else { continue }
            var seen: Set<String> = []
            for member in members {
                guard seen.insert(member.isolationGroup).inserted else {
                    throw .placementChange(
                        "found duplicated isolation group \(member.isolationGroup) for shardset id \(id)")
                }
                guard member.weight == first.weight else {
                    throw .placementChange(
                        "found different weights: \(first.weight) and \(member.weight), for shardset id \(id)")
                }
                guard member.shards.map(\.id) == first.shards.map(\.id) else {
                    throw .placementChange(
                        "found different shards on \(first.id) and \(member.id), for shardset id \(id)")
                }
            }
            guard members.count == Int(replicaFactor) else {
                throw .placementChange("found \(members.count) count of shard set id \(id), expecting \(replicaFactor)")
            }
        }
    }

    var virtualInstances: [Instance] { groups.keys.sorted().compactMap(virtual) }

    func virtualPlacement(_ placement: Placement) -> Placement {
        let present = Set(placement.instances.map(\.shardSetID))
        return Placement(
            instances: groups.keys.filter { present.contains($0) }.compactMap(virtual), replicaFactor: 1,
            numShards: placement.numShards, isSharded: true, cutoverTimeNanos: placement.cutoverTimeNanos,
            maxShardSetID: placement.maxShardSetID)
    }

    private func virtual(_ id: UInt32) -> Instance? {
        guard let first = groups[id]?.first else { return nil }
        let setOfMember = Dictionary(
            groups.flatMap { id, members in members.map { ($0.id, "\(id)") } }, uniquingKeysWith: { first, _ in first })
        return Instance(
            id: "\(id)", isolationGroup: "\(id)", zone: first.zone, weight: first.weight, endpoint: "\(id)",
            shards: first.shards.map { shard in
                var shard = shard
                shard.sourceID = setOfMember[shard.sourceID] ?? shard.sourceID
                return shard
            }, shardSetID: id, hostname: first.hostname, port: first.port)
    }

    func expand(_ virtual: Placement, replicaFactor: UInt32) -> Placement {
        var instances: [Instance] = []
        for set in virtual.instances {
            for (position, member) in (groups[set.shardSetID] ?? []).enumerated() {
                var member = member
                member.setShards(
                    set.shards.map { shard in
                        var shard = shard
                        if let source = UInt32(shard.sourceID).flatMap({ groups[$0] }), position < source.count {
                            shard.sourceID = source[position].id
                        }
                        return shard
                    })
                instances.append(member)
            }
        }
        var placement = virtual
        placement.setInstances(instances)
        placement.replicaFactor = replicaFactor
        placement.isMirrored = true
        placement.maxShardSetID = max(virtual.maxShardSetID, instances.map(\.shardSetID).max() ?? 0)
        return placement
    }
}
