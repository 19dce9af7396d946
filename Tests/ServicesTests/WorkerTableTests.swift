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

    @Test func shardsThatStayKeepTheirWorkerAndNewOnesAreSpread() {
        let before = WorkerTable(numShards: 64, ownedShards: Array(0..<32), workerCount: 4)
        let after = before.changed(to: Array(8..<64), workerCount: 4)
        for shard: UInt32 in 0..<64 {
            switch shard {
            case 0..<8: #expect(after.owner(of: shard) == nil)
            case 8..<32: #expect(after.owner(of: shard) == before.owner(of: shard))
            default: #expect(after.owner(of: shard) != nil)
            }
        }
        for worker in 0..<4 { #expect(after.shards(ofWorker: worker).count == 14) }
        #expect(after.changed(to: [], workerCount: 4).shards(ofWorker: 0) == [])
    }
}
