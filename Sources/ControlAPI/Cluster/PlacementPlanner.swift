import Cluster

/// Plans the change of one placement: at most one write, since a change has to be over before the next.
struct PlacementPlanner {
    let placements: PlacementStore
    let wanted: [Instance]
    let kind: PlacementKind
    let numShards: UInt32
    let replicas: UInt32
    let times: PlacementTimes
    let prune: Bool

    func steps() async throws(ClusterError) -> [ClusterPlan.Step] {
        guard let stored = try await placements.get() else { return [create()] }
        let current = stored.value
        if let blocked = mismatch(current) { return [blocked] }
        let known = Dictionary(current.instances.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let described = Set(wanted.map(\.id))
        let gone = current.instances.filter { !described.contains($0.id) && $0.commonState != .leaving }.map(\.id)
        let new = wanted.filter { known[$0.id] == nil }
        var steps: [ClusterPlan.Step] = []
        if !gone.isEmpty, !prune {
            steps.append(
                step(
                    .extra,
                    "instances that are not described are kept: \(gone.joined(separator: ", ")); "
                        + "--prune removes them"))
        }
        var moved = current
        var details: [String] = []
        moved.setInstances(
            current.instances.map { instance in
                guard let target = wanted.first(where: { $0.id == instance.id }) else { return instance }
                var changed = instance
                (changed.endpoint, changed.hostname, changed.port) = (target.endpoint, target.hostname, target.port)
                if changed != instance { details.append("\(instance.id) is at \(target.endpoint) now") }
                return changed
            })
        do throws(ClusterError) {
            let next = try apply(new: new, gone: prune ? gone : [], to: moved, &details)
            guard !details.isEmpty else {
                return steps + [step(.keep, "\(current.instances.count) instances, as described")]
            }
            try next.validate()
            var written = next
            written.cutoverTimeNanos = 0
            steps.append(
                step(
                    .change, details.joined(separator: "; "),
                    write: .placement(placements, written, version: stored.version)))
        } catch {
            steps.append(step(.blocked, "\(details.joined(separator: "; ")): \(error)"))
        }
        return steps
    }

    private func step(
        _ action: ClusterPlan.Action, _ detail: String, write: ClusterPlan.Write? = nil
    ) -> ClusterPlan.Step {
        ClusterPlan.Step(action: action, key: placements.key, detail: detail, write: write)
    }

    private var selector: PlacementSelector {
        var selector = PlacementSelector(zone: placements.serviceID.zone)
        selector.addAllCandidates = true
        return selector
    }

    private func create() -> ClusterPlan.Step {
        do throws(ClusterError) {
            let chosen = try selector.initial(wanted, kind: kind, replicaFactor: replicas)
            var placement = try Placement.initial(
                chosen, kind: kind, numShards: numShards, replicaFactor: replicas, times: times)
            placement.cutoverTimeNanos = 0
            let left = wanted.filter { placement.instance($0.id) == nil }.map(\.id)
            guard left.isEmpty else {
                return step(
                    .blocked,
                    "no shard set of \(replicas) can be made with \(left.joined(separator: ", ")): each needs \(replicas) "
                        + "instances of equal weight and port in different isolation groups")
            }
            return step(
                .create, Self.summary(placement), write: .placement(placements, placement, version: 0))
        } catch {
            return step(.blocked, "\(error)")
        }
    }

    private static func summary(_ placement: Placement) -> String {
        let count = placement.instances.count
        guard placement.isMirrored else { return "placement of \(count) instances" }
        return
            "placement of \(count) instances in \(placement.maxShardSetID) shard sets, \(placement.numShards) shards, "
            + "\(placement.replicaFactor) replicas"
    }

    private func mismatch(_ current: Placement) -> ClusterPlan.Step? {
        if kind == .mirrored, current.numShards != numShards {
            return step(
                .blocked,
                "the placement has \(current.numShards) shards, described are \(numShards): shards can't be split; "
                    + "describe \(current.numShards)")
        }
        if kind == .mirrored, current.replicaFactor != replicas {
            return step(
                .blocked,
                "the placement has \(current.replicaFactor) replicas, described are \(replicas): describe "
                    + "\(current.replicaFactor), or delete the placement and make it anew")
        }
        for target in wanted {
            guard kind == .mirrored, let instance = current.instance(target.id) else { continue }
            guard instance.weight == target.weight, instance.isolationGroup == target.isolationGroup else {
                return step(
                    .blocked,
                    "\(target.id) has weight \(instance.weight) and isolation group '\(instance.isolationGroup)', described "
                        + "are \(target.weight) and '\(target.isolationGroup)': replace the instance by one of another id"
                )
            }
        }
        return nil
    }

    private func apply(
        new: [Instance], gone: [String], to placement: Placement, _ details: inout [String]
    ) throws(ClusterError) -> Placement {
        guard !new.isEmpty || !gone.isEmpty else { return placement }
        let added = new.map(\.id).joined(separator: ", ")
        let removed = gone.joined(separator: ", ")
        if kind == .mirrored, !new.isEmpty, new.count == gone.count {
            details.append("replace \(removed) by \(added)")
            return try placement.applying(
                selector.replace(gone, by: new, in: placement, kind: kind), kind: kind, times: times)
        }
        var next = placement
        if !new.isEmpty {
            details.append("add \(added)")
            let change = try selector.add(new, to: next, kind: kind)
            next = try next.applying(change, kind: kind, times: times)
            if let left = new.first(where: { next.instance($0.id) == nil }) {
                throw .placementChange(
                    "no shard set of \(replicas) can be made with \(left.id), which needs partners of equal weight and port in "
                        + "other isolation groups")
            }
        }
        if !gone.isEmpty {
            details.append("remove \(removed)")
            next = try next.applying(.remove(gone), kind: kind, times: times)
        }
        return next
    }
}
