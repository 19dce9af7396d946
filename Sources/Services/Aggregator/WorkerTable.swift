import Aggregator

/// Which worker owns which shard. A worker owns whole shards: the i-th of the owned shards belongs to worker
/// i mod workers, so that any set of shards is spread evenly.
struct WorkerTable: Sendable {
    /// Stands for a shard that this instance does not own.
    static let notOwned = UInt16.max

    private let workers: [UInt16]

    init(numShards: Int, ownedShards: [UInt32], workerCount: Int) {
        var workers = Array(repeating: Self.notOwned, count: numShards)
        for (index, shard) in ownedShards.sorted().enumerated() where Int(shard) < numShards {
            workers[Int(shard)] = UInt16(index % max(workerCount, 1))
        }
        self.workers = workers
    }

    private init(workers: [UInt16]) { self.workers = workers }

    /// The table for other shards: those that stay keep their worker, with everything it knows of them, and new ones go
    /// to the workers that have the fewest.
    func changed(to ownedShards: [UInt32], workerCount: Int) -> WorkerTable {
        var changed = Array(repeating: Self.notOwned, count: workers.count)
        var loads = Array(repeating: 0, count: max(workerCount, 1))
        var added: [Int] = []
        for shard in Set(ownedShards).sorted() where Int(shard) < workers.count {
            if let worker = owner(of: shard), worker < loads.count {
                changed[Int(shard)] = UInt16(worker)
                loads[worker] += 1
            } else {
                added.append(Int(shard))
            }
        }
        for shard in added {
            let worker = loads.indices.min { loads[$0] < loads[$1] } ?? 0
            changed[shard] = UInt16(worker)
            loads[worker] += 1
        }
        return WorkerTable(workers: changed)
    }

    var numShards: Int { workers.count }

    /// The worker of a shard number from a message, which may be a replicated shard id (replica × shards + shard).
    /// A shard that is not owned goes to the first worker, which refuses and counts it.
    func worker(ofHint shard: UInt64) -> Int { owner(of: UInt32(shard % UInt64(workers.count))) ?? 0 }

    /// The worker of a shard; nil when this instance does not own it.
    func owner(of shard: UInt32) -> Int? {
        guard Int(shard) < workers.count, workers[Int(shard)] != Self.notOwned else { return nil }
        return Int(workers[Int(shard)])
    }

    func shards(ofWorker worker: Int) -> [UInt32] {
        workers.indices.filter { workers[$0] == UInt16(worker) }.map { UInt32($0) }
    }

    /// Those of the shards that a worker has.
    func part(of shards: [OwnedShard], worker: Int) -> [OwnedShard] {
        shards.filter { owner(of: $0.shard) == worker }
    }
}
