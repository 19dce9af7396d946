/// Forms shard sets out of instances: hosts of equal weight in different isolation groups belong together, and on them the
/// instances with equal ports.
struct MirrorSelector {
    var selector: PlacementSelector
    var placement: Placement

    private struct Host {
        var name: String
        var weight: UInt32
        var isolationGroup: String
        /// By port; of two with the same port the last one counts.
        var instances: [UInt32: Instance] = [:]

        var sorted: [Instance] { instances.sorted { $0.key < $1.key }.map(\.value) }
    }

    /// The candidates' groups of hosts, each as its instances with their shard set ids. Throws when there is none.
    func groups(of candidates: [Instance]) throws(ClusterError) -> [[Instance]] {
        var nextID = placement.maxShardSetID
        var groups: [[Instance]] = []
        for hosts in hostGroups(try Self.hosts(candidates)) {
            var group: [Instance] = []
            for set in try instanceSets(hosts) {
                let known = Set(set.map { placement.instance($0.id)?.shardSetID ?? 0 })
                let id: UInt32
                if known.count == 1, let only = known.first, only != 0 {
                    id = only
                } else {
                    nextID += 1
                    id = nextID
                }
                group += set.map { Self.numbered($0, id) }
            }
            if !group.isEmpty { groups.append(group) }
        }
        guard !groups.isEmpty else {
            throw .placementChange("no valid instance for mirror placement in the candidate list")
        }
        return groups
    }

    /// Replaces all instances of one host by those of one candidate host.
    func replace(_ ids: [String], by candidates: [Instance]) throws(ClusterError) -> PlacementChange {
        let leaving = ids.compactMap(placement.instance)
        guard let first = leaving.first, leaving.allSatisfy({ $0.hostname == first.hostname }) else {
            throw .placementChange("leaving instances must be on the same host")
        }
        let sets = Set(leaving.map(\.shardSetID))
        let taken = Set(
            placement.instances.filter {
                sets.contains($0.shardSetID) && $0.hostname != first.hostname && $0.commonState != .leaving
            }.map(\.isolationGroup))
        let fitting = try Self.hosts(candidates).filter {
            $0.weight == first.weight && $0.name != first.hostname && !taken.contains($0.isolationGroup)
        }
        for host in fitting {
            let matches: [Instance]
            if selector.skipPortMirroring {
                guard host.instances.count >= leaving.count else { continue }
                matches = Array(host.sorted.prefix(leaving.count))
            } else {
                matches = leaving.compactMap { host.instances[$0.port] }
                guard matches.count == leaving.count else { continue }
            }
            return .replace(
                leaving.map(\.id), with: zip(leaving, matches).map { Self.numbered($1, $0.shardSetID) })
        }
        throw .placementChange("no valid instance for mirror placement in the candidate list")
    }

    private static func numbered(_ instance: Instance, _ id: UInt32) -> Instance {
        var instance = instance
        instance.shardSetID = id
        return instance
    }

    private static func hosts(_ instances: [Instance]) throws(ClusterError) -> [Host] {
        var hosts: [String: Host] = [:]
        for instance in instances {
            var host =
                hosts[instance.hostname]
                ?? Host(
                    name: instance.hostname, weight: instance.weight, isolationGroup: instance.isolationGroup)
            guard host.weight == instance.weight else {
                throw .placementChange(
                    "could not add instance \(instance.id) to host \(host.name), weight mismatch: \(instance.weight) and \(host.weight)"
                )
            }
            guard host.isolationGroup == instance.isolationGroup else {
                throw .placementChange(
                    "could not add instance \(instance.id) to host \(host.name), isolation group mismatch: "
                        + "\(instance.isolationGroup) and \(host.isolationGroup)")
            }
            host.instances[instance.port] = instance
            hosts[instance.hostname] = host
        }
        return hosts.values.sorted { $0.name < $1.name }
    }

    /// As many hosts as replicas, of one weight, from the isolation groups with the most hosts left; what can't be grouped is
    /// left out.
    private func hostGroups(_ hosts: [Host]) -> [[Host]] {
        let replicas = Int(placement.replicaFactor)
        var groups: [[Host]] = []
        guard replicas > 0 else { return groups }
        let byWeight = Dictionary(grouping: hosts, by: \.weight).sorted { $0.key < $1.key }
        for (_, hosts) in byWeight {
            var left = Dictionary(grouping: hosts, by: \.isolationGroup)
            while left.count >= replicas {
                let fullest = left.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.prefix(replicas)
                var group: [Host] = []
                for (name, hosts) in fullest {
                    if let host = hosts.first { group.append(host) }
                    left[name] = hosts.count > 1 ? Array(hosts.dropFirst()) : nil
                }
                groups.append(group)
            }
        }
        return groups
    }

    private func instanceSets(_ hosts: [Host]) throws(ClusterError) -> [[Instance]] {
        if selector.skipPortMirroring {
            let columns = hosts.map(\.sorted)
            let count = columns.map(\.count).min() ?? 0
            return (0..<count).map { index in columns.map { $0[index] } }
        }
        var sets: [[Instance]] = []
        for port in Set(hosts.flatMap(\.instances.keys)).sorted() {
            var set: [Instance] = []
            for host in hosts {
                guard let instance = host.instances[port] else {
                    throw .placementChange("could not find port \(port) on host \(host.name)")
                }
                set.append(instance)
            }
            sets.append(set)
        }
        return sets
    }
}
