import Testing

@testable import Services

struct WorkerTableTests {
    @Test(arguments: [1, 2, 3, 7]) func everyOwnedShardHasOneWorkerAndTheLoadIsEven(workers: Int) {
        let owned: [UInt32] = [3, 1, 60, 17, 18, 19, 4, 5, 33, 12]
        let table = WorkerTable(numShards: 64, ownedShards: owned, workerCount: workers)
        let parts = (0..<workers).map { table.shards(ofWorker: $0) }
        #expect(parts.flatMap { $0 }.sorted() == owned.sorted())
        let sizes = parts.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        for (worker, shards) in parts.enumerated() {
            for shard in shards {
                #expect(table.owner(of: shard) == worker)
                #expect(table.worker(ofHint: UInt64(shard)) == worker)
            }
        }
    }

    @Test func shardsOfReplicasCountModuloTheNumberOfShards() {
        let table = WorkerTable(numShards: 64, ownedShards: Array(0..<64), workerCount: 3)
        for shard: UInt64 in 0..<64 {
            #expect(table.worker(ofHint: shard + 64) == table.worker(ofHint: shard))
            #expect(table.worker(ofHint: shard + 640) == table.worker(ofHint: shard))
        }
        #expect((0..<3).contains(table.worker(ofHint: .max)))
    }

    @Test func aShardOfOthersHasNoOwnerAndAWorkerThatRefusesIt() {
        let table = WorkerTable(numShards: 8, ownedShards: [2, 3, 99], workerCount: 2)
        #expect(table.owner(of: 0) == nil)
        #expect(table.owner(of: 99) == nil)
        #expect(table.worker(ofHint: 0) == 0)
        #expect(table.shards(ofWorker: 0) == [2])
        #expect(table.shards(ofWorker: 1) == [3])
    }
}
