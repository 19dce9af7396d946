import MessageQueue
import Metrics
import Synchronization
import WireFormat

/// Messages of one socket read that belong to one worker.
struct MessageSlice: Sendable {
    let batch: MessageBatch
    /// Positions in `batch.messages`; nil for all of them.
    let indices: [Int]?
    /// Who waits for acknowledgements; nil for nobody.
    let connection: ConsumerConnection?
    /// Whether metrics that are published as they are may be among them: raw TCP has them, m3msg has not.
    var takesPassthrough = false

    /// Acknowledges the messages at these positions of the batch; nil for those of the slice.
    func acknowledge(_ indices: [Int]? = nil) {
        guard let connection else { return }
        if let indices = indices ?? self.indices {
            connection.acknowledge(batch, indices: indices)
        } else {
            connection.acknowledge(batch)
        }
    }

    /// A part of it.
    func part(_ indices: [Int]?) -> MessageSlice {
        MessageSlice(batch: batch, indices: indices, connection: connection, takesPassthrough: takesPassthrough)
    }
}

/// Hands every read of a connection to the workers that own its shards, one batch for each worker.
final class IngestRouter: MessageConsumer {
    private let workers: [AggregatorWorker]
    private let current: Mutex<WorkerTable>

    init(workers: [AggregatorWorker], table: WorkerTable) {
        self.workers = workers
        current = Mutex(table)
    }

    /// Which worker has which shard. Messages that are on their way to a worker which has just lost their shard come back
    /// as misrouted.
    var table: WorkerTable {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
        route(MessageSlice(batch: batch, indices: nil, connection: connection))
    }

    /// Hands out all messages of a batch.
    func route(_ slice: MessageSlice) {
        guard workers.count > 1 else { return workers[0].submit(slice) }
        let table = table
        let messages = slice.batch.messages
        var indices = Array(repeating: [Int](), count: workers.count)
        for worker in indices.indices {
            indices[worker].reserveCapacity(messages.count * 5 / (4 * workers.count) + 8)
        }
        for (index, message) in messages.enumerated() {
            indices[table.worker(ofHint: message.shard)].append(index)
        }
        for (worker, own) in indices.enumerated() where !own.isEmpty {
            workers[worker].submit(slice.part(own.count == messages.count ? nil : own))
        }
    }

    /// Hands messages whose shard hint was wrong to the workers that own their ids' shards. Those of shards that this
    /// instance does not own end with the first worker: sending them again would bring them here again.
    func redirect(_ slice: MessageSlice, indices: [Int], shards: [UInt32]) {
        let table = table
        var byWorker: [Int: [Int]] = [:]
        var unowned: [Int] = []
        for (index, shard) in zip(indices, shards) {
            if let worker = table.owner(of: shard) {
                byWorker[worker, default: []].append(index)
            } else {
                unowned.append(index)
            }
        }
        for (worker, own) in byWorker { workers[worker].submit(slice.part(own)) }
        if !unowned.isEmpty { workers[0].refuse(slice.part(unowned)) }
    }
}
