/// The queues of one consumer service, assigned to shards, replicas and endpoints. Pure.
///
/// It carries out M3's rules for placement changes: an endpoint that stays keeps its queues; a queue whose endpoint went
/// is pointed to one that came; what came beyond that gets new queues; what went beyond that loses them. The number of a
/// replica is never used twice for a shard. Source: `docs/message-queue.md`, "Routes".
struct ServiceRoute {
    struct Queue: Equatable, Sendable {
        var replicatedShard: UInt64
        var shard: Int
        /// Numbers of the endpoints that may take the queue's messages; one for REPLICATED.
        var endpoints: [Int]
        var cutoverNanos: Int64
        var cutoffNanos: Int64
    }

    private struct Replica {
        var number: Int
        var endpoint: Int
        var cutoverNanos: Int64
        var cutoffNanos: Int64
    }

    let name: String
    let consumption: ProducerRoute.Consumption
    let numberOfShards: Int
    private(set) var ttlNanos: Int64 = 0
    /// All endpoints ever used, by number.
    private(set) var endpoints: [String] = []
    /// Numbers of the endpoints in use.
    private(set) var active: Set<Int> = []
    private(set) var queues: [Queue] = []
    private var numbers: [String: Int] = [:]
    private var replicas: [[Replica]]
    private var nextReplica: [Int]

    init(name: String, consumption: ProducerRoute.Consumption, numberOfShards: Int) {
        self.name = name
        self.consumption = consumption
        self.numberOfShards = numberOfShards
        replicas = Array(repeating: [], count: numberOfShards)
        nextReplica = Array(repeating: 0, count: numberOfShards)
    }

    /// Follows a new state of the service. A change of its consumption type is ignored, as in M3.
    mutating func update(_ service: ProducerRoute.ConsumerService) {
        ttlNanos = service.messageTTLNanos
        active = []
        queues = []
        for (shard, targets) in service.targets.enumerated() {
            let wanted = targets.map { number($0.endpoint) }
            active.formUnion(wanted)
            switch consumption {
            case .shared:
                queues.append(
                    Queue(
                        replicatedShard: UInt64(shard), shard: shard, endpoints: wanted.sorted(), cutoverNanos: 0,
                        cutoffNanos: .max))
            case .replicated: updateReplicas(shard, targets, wanted)
            }
        }
    }

    private mutating func updateReplicas(_ shard: Int, _ targets: [ProducerRoute.Target], _ wanted: [Int]) {
        var kept: [Replica] = []
        var orphans: [Replica] = []
        for replica in replicas[shard] {
            if let index = wanted.firstIndex(of: replica.endpoint) {
                kept.append(retimed(replica, targets[index], replica.endpoint))
            } else {
                orphans.append(replica)
            }
        }
        orphans.reverse()
        for (target, endpoint) in zip(targets, wanted) where !kept.contains(where: { $0.endpoint == endpoint }) {
            if let orphan = orphans.popLast() {
                kept.append(retimed(orphan, target, endpoint))
            } else {
                kept.append(
                    Replica(
                        number: nextReplica[shard], endpoint: endpoint, cutoverNanos: target.cutoverNanos,
                        cutoffNanos: target.cutoffNanos))
                nextReplica[shard] += 1
            }
        }
        replicas[shard] = kept
        for replica in kept {
            queues.append(
                Queue(
                    replicatedShard: UInt64(replica.number) * UInt64(numberOfShards) + UInt64(shard), shard: shard,
                    endpoints: [replica.endpoint], cutoverNanos: replica.cutoverNanos,
                    cutoffNanos: replica.cutoffNanos))
        }
    }

    private func retimed(_ replica: Replica, _ target: ProducerRoute.Target, _ endpoint: Int) -> Replica {
        Replica(
            number: replica.number, endpoint: endpoint, cutoverNanos: target.cutoverNanos,
            cutoffNanos: target.cutoffNanos)
    }

    private mutating func number(_ endpoint: String) -> Int {
        if let known = numbers[endpoint] { return known }
        numbers[endpoint] = endpoints.count
        endpoints.append(endpoint)
        return endpoints.count - 1
    }
}
