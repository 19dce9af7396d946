import MessageQueue
import Metrics
import WireFormat

/// Messages of one socket read that belong to one worker.
struct MessageSlice: Sendable {
    let batch: MessageBatch
    /// Positions in `batch.messages`; nil for all of them.
    let indices: [Int]?
    let connection: ConsumerConnection
}

/// Hands every read of a connection to the workers that own its shards, one batch for each worker.
final class IngestRouter: MessageConsumer {
    private let workers: [AggregatorWorker]
    private let table: WorkerTable

    init(workers: [AggregatorWorker], table: WorkerTable) {
        self.workers = workers
        self.table = table
    }

    func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
        guard workers.count > 1 else {
            workers[0].submit(MessageSlice(batch: batch, indices: nil, connection: connection))
            return
        }
        var indices = Array(repeating: [Int](), count: workers.count)
        for worker in indices.indices {
            indices[worker].reserveCapacity(batch.messages.count * 5 / (4 * workers.count) + 8)
        }
        for (index, message) in batch.messages.enumerated() {
            indices[table.worker(ofHint: message.shard)].append(index)
        }
        for (worker, own) in indices.enumerated() where !own.isEmpty {
            let slice = MessageSlice(
                batch: batch, indices: own.count == batch.messages.count ? nil : own, connection: connection)
            workers[worker].submit(slice)
        }
    }

    /// Hands messages whose shard hint was wrong to the workers that own their ids' shards. Those of shards that this
    /// instance does not own end with the first worker: sending them again would bring them here again.
    func redirect(_ slice: MessageSlice, indices: [Int], shards: [UInt32]) {
        var byWorker: [Int: [Int]] = [:]
        var unowned: [Int] = []
        for (index, shard) in zip(indices, shards) {
            if let worker = table.owner(of: shard) {
                byWorker[worker, default: []].append(index)
            } else {
                unowned.append(index)
            }
        }
        for (worker, own) in byWorker {
            workers[worker].submit(MessageSlice(batch: slice.batch, indices: own, connection: slice.connection))
        }
        guard !unowned.isEmpty else { return }
        workers[0].refuse(MessageSlice(batch: slice.batch, indices: unowned, connection: slice.connection))
    }
}
