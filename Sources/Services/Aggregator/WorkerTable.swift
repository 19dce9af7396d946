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
}
