extension Placement {
    private static let notEnoughGroups =
        "not enough isolation groups to take shards, please make sure RF is less than number of isolation groups"

    /// A new sharded placement. Throws `placementChange`.
    static func initialSharded(
        _ instances: [Instance], numShards: UInt32, replicaFactor: UInt32, times: PlacementTimes
    ) throws(ClusterError) -> Placement {
        var placement = Placement(
            instances: instances.map {
                var instance = $0
                instance.setShards([])
                return instance
            }, replicaFactor: 0, numShards: numShards, isSharded: true)
        let all = placement.instances
        for replica in 1...max(replicaFactor, 1) {
            var balancer = try ShardBalancer(placement, times: times, replicaFactor: replica)
            for instance in all { balancer.insert(instance) }
            try balancer.computeTargets()
            let left = balancer.place(Array(0..<numShards), from: nil, candidates: all.map(\.id))
            guard left.isEmpty else { throw .placementChange(notEnoughGroups) }
            balancer.optimize(taking: [.unassigned])
            placement = balancer.placement(like: placement)
        }
        return placement
    }

    /// With one more instance, which gets its share from the fullest ones. One that is leaving gets its shards back first.
    func addingSharded(_ instance: Instance, times: PlacementTimes) throws(ClusterError) -> Placement {
        if let present = self.instance(instance.id), present.commonState != .leaving {
            throw .placementChange("instance \(instance.id) already exists in the placement")
        }
        var empty = instance
        empty.setShards([])
        var balancer = try ShardBalancer(self, times: times)
        balancer.insert(empty)
        balancer.reclaim(instance.id)
        try balancer.computeTargets()
        balancer.fill(instance.id, taking: [.unassigned, .initializing, .available])
        return balancer.placement(like: self)
    }

    /// With the instance's shards moving to the others; it stays as long as shards are leaving it.
    func removingSharded(_ id: String, times: PlacementTimes) throws(ClusterError) -> Placement {
        guard let leaving = instance(id) else {
            throw .placementChange("instance \(id) does not exist in placement")
        }
        var balancer = try ShardBalancer(self, times: times)
        balancer.detach(id)
        try balancer.computeTargets()
        let left = balancer.place(
            leaving.shards.map(\.id), from: id, candidates: balancer.members.keys.sorted())
        guard left.isEmpty else { throw .placementChange(Self.notEnoughGroups) }
        balancer.optimize(taking: [.unassigned])
        return balancer.placement(like: self)
    }

    /// With the shards of some instances moving to others, and with `allowPartial` to all, where those can't take them.
    func replacingSharded(
        _ ids: [String], with instances: [Instance], allowPartial: Bool, times: PlacementTimes
    ) throws(ClusterError) -> Placement {
        for id in ids where instance(id) == nil {
            throw .placementChange("instance \(id) does not exist in placement")
        }
        for added in instances {
            if let present = instance(added.id), present.commonState != .leaving {
                throw .placementChange("instance \(added.id) already exists in the placement")
            }
        }
        var balancer = try ShardBalancer(self, times: times)
        for id in ids { balancer.detach(id) }
        for instance in instances {
            var empty = instance
            empty.setShards([])
            balancer.insert(empty)
            balancer.reclaim(instance.id)
        }
        try balancer.computeTargets()
        for id in ids {
            let shards = self.instance(id)?.shards.map(\.id) ?? []
            let left = balancer.place(shards, from: id, candidates: instances.map(\.id))
            guard !left.isEmpty else { continue }
            guard allowPartial else {
                throw .placementChange(
                    "could not fully replace all shards from \(id), \(left.count) shards left unassigned")
            }
            guard balancer.place(left, from: id, candidates: balancer.members.keys.sorted()).isEmpty else {
                throw .placementChange(Self.notEnoughGroups)
            }
        }
        if allowPartial { balancer.optimize(taking: [.unassigned, .initializing, .available]) }
        return balancer.placement(like: self)
    }
}
