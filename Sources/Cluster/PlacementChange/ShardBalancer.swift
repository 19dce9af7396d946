/// Moves shards between instances by weight and isolation group; the workbench of all changes of sharded placements.
///
/// The rules are M3's. Where M3 depends on the order of a hash table this takes the order of ids, so results are repeatable and as
/// valid and balanced, not the same. See `docs/placements.md`.
struct ShardBalancer {
    enum State { case unassigned, initializing, available, leaving }

    struct Shard {
        var id: UInt32
        /// `unassigned`: given to its instance in this change.
        var state: State
        var sourceID = ""
        var cutover: Int64 = 0
        var cutoff = ShardAssignment.never
        var redirect: UInt32?
    }

    struct Member {
        var instance: Instance
        var shards: [UInt32: Shard]
        var group: String { instance.isolationGroup }
        /// Shards that it has to serve.
        var load: Int { shards.values.count { $0.state != .leaving } }
        var isLeaving: Bool { !shards.isEmpty && load == 0 }
        var sortedShards: [Shard] { shards.values.sorted { $0.id < $1.id } }
    }

    private(set) var members: [String: Member] = [:]
    private let times: PlacementTimes
    private let replicaFactor: Int
    private let numShards: Int
    private var targets: [String: Int] = [:]
    private var groupWeights: [String: UInt64] = [:]

    /// Throws for a placement whose weights are all zero.
    init(_ placement: Placement, times: PlacementTimes, replicaFactor: UInt32? = nil) throws(ClusterError) {
        self.times = times
        self.replicaFactor = Int(replicaFactor ?? placement.replicaFactor)
        numShards = Int(placement.numShards)
        for instance in placement.instances { insert(instance) }
        try computeTargets()
    }

    /// Adds an instance, or keeps the one with its id.
    mutating func insert(_ instance: Instance) {
        guard members[instance.id] == nil else { return }
        var shards: [UInt32: Shard] = [:]
        for shard in instance.shards { shards[shard.id] = Shard(shard) }
        members[instance.id] = Member(instance: instance, shards: shards)
    }

    /// Takes an instance out of the balance; it can still be `from` in a move through `detached`.
    mutating func detach(_ id: String) {
        guard let member = members.removeValue(forKey: id) else { return }
        detached[id] = member
    }
    private(set) var detached: [String: Member] = [:]

    mutating func computeTargets() throws(ClusterError) {
        let present = members.values.filter { !$0.isLeaving }
        groupWeights = [:]
        for member in present { groupWeights[member.group, default: 0] += UInt64(member.instance.weight) }
        let total = groupWeights.values.reduce(0, +)
        guard total > 0 else {
            throw .placementChange("runtime error: integer divide by zero; give the instances weights above 0")
        }
        let heavy = groupWeights.filter { $0.value * UInt64(replicaFactor) >= total }
        let heavyWeight = heavy.values.reduce(0, +)
        targets = [:]
        for member in present {
            let weight = UInt64(member.instance.weight)
            if let group = heavy[member.group] {
                targets[member.instance.id] = group == 0 ? 0 : Int((UInt64(numShards) * weight + group - 1) / group)
            } else {
                let replicas = UInt64(max(replicaFactor - heavy.count, 0))
                let rest = total - heavyWeight
                targets[member.instance.id] = rest == 0 ? 0 : Int(UInt64(numShards) * replicas * weight / rest)
            }
        }
    }

    private func room(_ id: String) -> Int { (targets[id] ?? 0) - (members[id]?.load ?? 0) }

    /// Candidates in the order in which they should get a shard.
    private func byRoom(_ ids: [String]) -> [String] {
        ids.sorted { a, b in
            let (roomA, roomB) = (room(a), room(b))
            let (groupA, groupB) = (members[a]?.group ?? "", members[b]?.group ?? "")
            if roomA > 0, roomB > 0, groupA != groupB {
                // A heavier group is pickier, since its members must not hold the same shard twice.
                let (weightA, weightB) = (groupWeights[groupA] ?? 0, groupWeights[groupB] ?? 0)
                if weightA != weightB { return weightA > weightB }
            }
            return roomA != roomB ? roomA > roomB : a < b
        }
    }

    private func canTake(_ shard: UInt32, from: Member?, to: Member) -> Bool {
        if let held = to.shards[shard], held.state != .leaving { return false }
        if let from, from.group == to.group { return true }
        return !members.values.contains { member in
            member.group == to.group && member.shards[shard].map { $0.state != .leaving } == true
        }
    }

    /// Gives the shard to `to`; false where the rules forbid it. Without `from` it is one that nobody has.
    mutating func move(_ shard: UInt32, from fromID: String?, to toID: String) -> Bool {
        guard var to = members[toID], fromID != toID else { return false }
        var from = fromID.flatMap { members[$0] ?? detached[$0] }
        guard canTake(shard, from: from, to: to) else { return false }
        var given = Shard(id: shard, state: .unassigned)
        if var old = from?.shards[shard] {
            given.redirect = old.redirect
            switch old.state {
            case .unassigned, .initializing:
                given.sourceID = old.sourceID
                from?.shards[shard] = nil
            case .available:
                given.sourceID = fromID ?? ""
                old.state = .leaving
                old.cutoff = times.shardCutoff
                from?.shards[shard] = old
            case .leaving: return false
            }
        }
        let isReturn = to.shards[shard]?.state == .leaving
        if isReturn {
            given = Shard(id: shard, state: .available, redirect: to.shards[shard]?.redirect)
        }
        to.shards[shard] = given
        members[toID] = to
        if let fromID, let from {
            if members[fromID] != nil { members[fromID] = from } else { detached[fromID] = from }
        }
        if isReturn {
            // It leaves nobody any more, so nobody's copy comes from it.
            for id in members.keys where members[id]?.shards[shard]?.sourceID == toID {
                members[id]?.shards[shard]?.sourceID = ""
            }
        }
        return true
    }

    /// Gives each of the shards to one of the candidates; returns those that none could take.
    mutating func place(_ shards: [UInt32], from: String?, candidates: [String]) -> [UInt32] {
        var unplaced: [UInt32] = []
        for shard in shards {
            if let from, let member = members[from] ?? detached[from], let held = member.shards[shard] {
                if held.state == .leaving { continue }
                // What has only begun to come from somewhere goes back there.
                if held.state == .initializing, candidates.contains(held.sourceID),
                    members[held.sourceID]?.isLeaving == false, move(shard, from: from, to: held.sourceID)
                {
                    continue
                }
            }
            let open = candidates.filter { members[$0]?.isLeaving == false }
            if !byRoom(open).contains(where: { move(shard, from: from, to: $0) }) { unplaced.append(shard) }
        }
        return unplaced
    }

    /// Takes shards from the fullest instances, in these states, until `id` has its target.
    mutating func fill(_ id: String, taking states: [State]) {
        var sources = members.keys.filter { $0 != id && members[$0]?.isLeaving == false }
        while room(id) > 0, let fullest = sources.min(by: { (room($0), $0) < (room($1), $1) }) {
            if !takeOne(from: fullest, to: id, states) { sources.removeAll { $0 == fullest } }
        }
    }

    private mutating func takeOne(from: String, to: String, _ states: [State]) -> Bool {
        for state in states {
            let shards = members[from]?.sortedShards.filter { $0.state == state } ?? []
            for shard in shards where move(shard.id, from: from, to: to) { return true }
        }
        return false
    }

    /// Evens the load out, the emptiest instance first and each once.
    mutating func optimize(taking states: [State]) {
        var left = members.keys.filter { members[$0]?.isLeaving == false }
        while let emptiest = left.max(by: { (room($0), $1) < (room($1), $0) }), room(emptiest) > 0 {
            fill(emptiest, taking: states)
            left.removeAll { $0 == emptiest }
        }
    }

    /// Gives back to an instance the shards that are leaving it, from whoever is to get them.
    mutating func reclaim(_ id: String) {
        for shard in members[id]?.sortedShards ?? [] where shard.state == .leaving {
            let taker = members.keys.sorted().first { members[$0]?.shards[shard.id]?.sourceID == id }
            if let taker { _ = move(shard.id, from: taker, to: id) }
        }
    }

    /// The placement with all moves made: what was given is initializing, instances without shards are gone.
    func placement(like original: Placement) -> Placement {
        var placement = original
        var instances: [Instance] = []
        for member in Array(members.values) + Array(detached.values) where !member.shards.isEmpty {
            var instance = member.instance
            instance.setShards(member.shards.values.map { ShardAssignment($0, times: times) })
            instances.append(instance)
        }
        placement.setInstances(instances)
        placement.replicaFactor = UInt32(replicaFactor)
        placement.maxShardSetID = max(original.maxShardSetID, instances.map(\.shardSetID).max() ?? 0)
        placement.cutoverTimeNanos = times.now
        return placement
    }
}

extension ShardBalancer.Shard {
    init(_ shard: ShardAssignment) {
        let state: ShardBalancer.State =
            switch shard.state {
            case .initializing: .initializing
            case .available: .available
            case .leaving: .leaving
            }
        self.init(
            id: shard.id, state: state, sourceID: shard.sourceID, cutover: shard.cutoverNanos,
            cutoff: shard.cutoffNanos, redirect: shard.redirectToShardID)
    }
}

extension ShardAssignment {
    init(_ shard: ShardBalancer.Shard, times: PlacementTimes) {
        let state: State =
            switch shard.state {
            case .unassigned, .initializing: .initializing
            case .available: .available
            case .leaving: .leaving
            }
        self.init(
            id: shard.id, state: state, sourceID: shard.sourceID,
            cutoverNanos: shard.state == .unassigned ? times.shardCutover : shard.cutover,
            cutoffNanos: shard.cutoff, redirectToShardID: shard.redirect)
    }
}
