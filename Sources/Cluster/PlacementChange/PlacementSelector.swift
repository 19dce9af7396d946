/// Which of the offered instances take part in a change, before shards are moved. The rules are M3's; see `docs/placements.md`.
public struct PlacementSelector: Sendable {
    /// Candidates must be in this zone; nil: in that of the placement's first instance.
    public var zone: String?
    public var allowAllZones = false
    /// Take all candidates, not only one instance or one group of hosts.
    public var addAllCandidates = false
    public var allowPartialReplace = false
    /// Pair the instances of grouped hosts in any way, not by equal ports.
    public var skipPortMirroring = false

    public init(zone: String? = nil) { self.zone = zone }

    /// The change that adds from the candidates what the kind of placement adds at a time.
    public func add(
        _ candidates: [Instance], to placement: Placement, kind: PlacementKind
    ) throws(ClusterError) -> PlacementChange {
        let valid = try self.valid(candidates, placement)
        switch kind {
        case .mirrored:
            let groups = try MirrorSelector(selector: self, placement: placement).groups(of: valid)
            return .add(addAllCandidates ? groups.flatMap(\.self) : groups.first?.sorted { $0.id < $1.id } ?? [])
        case .unsharded, .sharded:
            if addAllCandidates { return .add(valid) }
            let weights = Self.groupWeights(placement)
            // An isolation group that isn't there yet weighs nothing.
            let chosen = valid.min {
                (weights[$0.isolationGroup] ?? 0, $0.id) < (weights[$1.isolationGroup] ?? 0, $1.id)
            }
            return .add(chosen.map { [$0] } ?? [])
        }
    }

    /// The instances of a first placement, mirrored ones with their shard set ids.
    public func initial(_ candidates: [Instance], kind: PlacementKind, replicaFactor: UInt32) throws(ClusterError)
        -> [Instance]
    {
        let empty = Placement(instances: [], replicaFactor: replicaFactor)
        let valid = try self.valid(candidates, empty)
        guard case .mirrored = kind else { return valid }
        return try MirrorSelector(selector: self, placement: empty).groups(of: valid).flatMap(\.self)
    }

    /// The change that replaces instances by some of the candidates.
    public func replace(
        _ ids: [String], by candidates: [Instance], in placement: Placement, kind: PlacementKind
    ) throws(ClusterError) -> PlacementChange {
        for id in ids where placement.instance(id) == nil {
            throw .placementChange("instance \(id) does not exist in placement")
        }
        let valid = try self.valid(candidates, placement)
        if case .mirrored = kind {
            return try MirrorSelector(selector: self, placement: placement).replace(ids, by: valid)
        }
        let leaving = Set(ids)
        let wanted = ids.compactMap(placement.instance).reduce(0) { $0 + UInt64($1.weight) }
        var left = wanted
        var chosen: [Instance] = []
        // Those that share their isolation group with fewer of the others come first; of these as few as do, and as light.
        let conflicts = Dictionary(grouping: valid) { candidate in
            placement.instances.count { $0.isolationGroup == candidate.isolationGroup && !leaving.contains($0.id) }
        }
        for level in conflicts.keys.sorted() where left > 0 {
            let picked = Self.lightest(conflicts[level] ?? [], atLeast: left)
            chosen += picked
            left -= min(left, picked.reduce(0) { $0 + UInt64($1.weight) })
        }
        guard left == 0 || allowPartialReplace else {
            throw .placementChange(
                "could not find enough instances to replace \(ids.joined(separator: ", ")), \(left) of weight \(wanted) remain"
            )
        }
        return .replace(ids, with: chosen)
    }

    /// Candidates of the right zone that aren't in the placement, or are leaving it, in which case its own entry counts.
    private func valid(_ candidates: [Instance], _ placement: Placement) throws(ClusterError) -> [Instance] {
        let zone = zone ?? placement.instances.first?.zone
        let valid = candidates.compactMap { candidate -> Instance? in
            guard let present = placement.instance(candidate.id) else { return candidate }
            return present.commonState == .leaving ? present : nil
        }.filter { allowAllZones || zone == nil || $0.zone == zone }
        guard !valid.isEmpty else { throw .placementChange("no new instances found in the valid zone") }
        return valid
    }

    private static func groupWeights(_ placement: Placement) -> [String: UInt64] {
        var weights: [String: UInt64] = [:]
        for instance in placement.instances where instance.commonState != .leaving {
            weights[instance.isolationGroup, default: 0] += UInt64(instance.weight)
        }
        return weights
    }

    /// The instances with the smallest sum of weights that reaches the wanted one, of these the fewest; all when none does.
    static func lightest(_ instances: [Instance], atLeast wanted: UInt64) -> [Instance] {
        let sorted = instances.sorted { $0.id < $1.id }
        guard sorted.reduce(0, { $0 + UInt64($1.weight) }) > wanted else { return sorted }
        // By reachable sum: fewest instances, by their places. The sums stay few because weights repeat.
        var best: [UInt64: [Int]] = [0: []]
        for (index, instance) in sorted.enumerated() {
            for (sum, chosen) in best where sum < wanted {
                let next = sum + UInt64(instance.weight)
                let candidate = chosen + [index]
                if let known = best[next], known.count < candidate.count { continue }
                if let known = best[next], known.count == candidate.count,
                    !candidate.lexicographicallyPrecedes(known)
                {
                    continue
                }
                best[next] = candidate
            }
            if best.count > maxSums { break }
        }
        guard let sum = best.keys.filter({ $0 >= wanted }).min(), let chosen = best[sum] else { return sorted }
        return chosen.map { sorted[$0] }
    }

    /// Different sums that are tried; a fleet has a handful of weights.
    private static let maxSums = 65_536
}
