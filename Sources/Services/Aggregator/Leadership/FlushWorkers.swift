import Aggregator

/// All workers of an instance, as leadership sees them.
protocol FlushWorkers: Sendable {
    func lead(term: Int64) async
    /// Publishes nothing more, and drops what waits for acknowledgement.
    func follow() async
    func discard(upTo times: [FlushTime]) async
    func discard(before nanos: Int64) async
    /// Where all lists stand for a follower; see ``AckTracker/persistable(maxBufferNanos:)``.
    func persistableFlushTimes(maxBufferNanos: Int64) async -> [FlushTime]
    /// Batches of flushes that wait for acknowledgements.
    var openBatches: Int { get }
    /// Bytes of series and windows.
    var memoryBytes: Int { get }
}

extension AggregatorService: FlushWorkers {
    func lead(term: Int64) async {
        for worker in workerActors { await worker.lead(term: term) }
    }

    func follow() async {
        for worker in workerActors { await worker.follow() }
        dropSuperseded()
    }

    func discard(upTo times: [FlushTime]) async {
        for worker in workerActors { await worker.discard(upTo: times) }
    }

    func discard(before nanos: Int64) async {
        for worker in workerActors { await worker.discard(before: nanos) }
    }

    func persistableFlushTimes(maxBufferNanos: Int64) async -> [FlushTime] {
        var times: [FlushTime] = []
        for worker in workerActors { times += await worker.persistableFlushTimes(maxBufferNanos: maxBufferNanos) }
        return times
    }

    var openBatches: Int { workerActors.reduce(0) { $0 + $1.openBatches } }
    var memoryBytes: Int { workerActors.reduce(0) { $0 + $1.snapshot.bytes } }
}
