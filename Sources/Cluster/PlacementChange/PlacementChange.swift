/// A change of a placement, as a value: what to do, and how the shards of the service behave.
public enum PlacementChange: Sendable, Hashable {
    case add([Instance])
    case remove([String])
    case replace([String], with: [Instance])
}

/// How the shards of a service are placed.
public enum PlacementKind: Sendable, Hashable {
    /// Instances share all work: M3's coordinators.
    case unsharded
    /// Each shard on as many instances as there are replicas, in different isolation groups. With `stable` a shard is available
    /// on its new owner at once.
    case sharded(stable: Bool, allowPartialReplace: Bool)
    /// Instances of a shard set hold the same shards: M3's aggregators.
    case mirrored
}

extension Placement {
    /// The first placement of a service; mirrored instances carry their shard set ids. Validated. Throws `placementChange` or
    /// `invalidPlacement`.
    public static func initial(
        _ instances: [Instance], kind: PlacementKind, numShards: UInt32, replicaFactor: UInt32, times: PlacementTimes
    ) throws(ClusterError) -> Placement {
        guard numShards <= maxShards else { throw .invalidPlacement("\(numShards) shards, the limit is \(maxShards)") }
        guard replicaFactor > 0 else { throw .placementChange("replica factor 0; give at least 1") }
        let ids = instances.map(\.id)
        if let twice = ids.first(where: { id in ids.count { $0 == id } > 1 }) {
            throw .placementChange("instance \(twice) is named twice")
        }
        var placement: Placement
        switch kind {
        case .unsharded:
            guard numShards == 0 else { throw .placementChange("could not apply shards in non-sharded placement") }
            placement = Placement(instances: instances.map(\.withoutShards), replicaFactor: replicaFactor)
        case .sharded(let stable, _):
            placement = try initialSharded(instances, numShards: numShards, replicaFactor: replicaFactor, times: times)
            if stable { placement = try placement.stable() }
        case .mirrored:
            placement = try initialMirrored(
                instances, numShards: numShards, replicaFactor: replicaFactor, times: times)
        }
        placement.cutoverTimeNanos = times.now
        try placement.validate()
        return placement
    }

    /// The placement after the change, validated. Throws `placementChange` or `invalidPlacement`.
    public func applying(
        _ change: PlacementChange, kind: PlacementKind, times: PlacementTimes
    ) throws(ClusterError) -> Placement {
        var placement = self
        switch kind {
        case .unsharded: placement = try applyingUnsharded(change)
        case .sharded(let stable, let allowPartial):
            switch change {
            case .add(let added):
                for instance in added { placement = try placement.addingSharded(instance, times: times) }
            case .remove(let ids): for id in ids { placement = try placement.removingSharded(id, times: times) }
            case .replace(let ids, let added):
                placement = try replacingSharded(ids, with: added, allowPartial: allowPartial, times: times)
            }
            if stable { placement = try placement.stable() }
        case .mirrored:
            switch change {
            case .add(let added): placement = try addingMirrored(added, times: times)
            case .remove(let ids): placement = try removingMirrored(ids, times: times)
            case .replace(let ids, let added): placement = try replacingMirrored(ids, with: added, times: times)
            }
        }
        placement.cutoverTimeNanos = times.now
        try placement.validate()
        return placement
    }

    private func applyingUnsharded(_ change: PlacementChange) throws(ClusterError) -> Placement {
        let (ids, added): ([String], [Instance]) =
            switch change {
            case .add(let added): ([], added)
            case .remove(let ids): (ids, [])
            case .replace(let ids, let added): (ids, added)
            }
        var placement = self
        for id in ids {
            guard placement.instance(id) != nil else {
                throw .placementChange("instance \(id) not found in placement")
            }
            placement.setInstances(placement.instances.filter { $0.id != id })
        }
        for instance in added {
            guard placement.instance(instance.id) == nil else {
                throw .placementChange("instance \(instance.id) already exist in placement")
            }
            placement.setInstances(placement.instances + [instance.withoutShards])
        }
        return placement
    }
}

extension Instance {
    fileprivate var withoutShards: Instance {
        var instance = self
        instance.setShards([])
        return instance
    }
}
