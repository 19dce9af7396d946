import Synchronization

/// Batches on their way to the writer thread: bounded by bytes, first come first served.
final class WriteQueue: Sendable {
    typealias Completion = @Sendable (Result<WriteOutcome, StorageError>) -> Void

    struct Entry: Sendable {
        let batch: SampleBatch
        let completion: Completion
    }

    private struct State {
        var entries: [Entry] = []
        var bytes = 0
        var isClosed = false
    }

    /// What one group commit takes at most, beyond its first batch: the time until the first one is acknowledged.
    private static let groupBytes = 16 << 20

    private let limit: Int
    private let state = Mutex(State())
    private let monitor = Monitor()

    init(limit: Int) { self.limit = limit }

    /// - Returns: the error with which the batch is refused, or nil when it was taken.
    func push(_ entry: Entry) -> StorageError? {
        let refusal: StorageError? = state.withLock { state in
            if state.isClosed { return .closed }
            // A batch that is larger than the whole queue must go through when the queue is empty.
            let bytes = entry.batch.byteCount
            guard state.bytes == 0 || state.bytes &+ bytes <= limit else {
                return .busy("\(state.bytes) of at most \(limit) bytes wait to be written")
            }
            state.entries.append(entry)
            state.bytes &+= bytes
            return nil
        }
        if refusal == nil { monitor.withLock { monitor.signal() } }
        return refusal
    }

    /// Waits for batches and takes a group of them; nil when the queue is closed and empty.
    func popGroup() -> [Entry]? {
        monitor.withLock {
            while true {
                let (group, isClosed) = takeGroup()
                if !group.isEmpty { return group }
                if isClosed { return nil }
                monitor.wait()
            }
        }
    }

    private func takeGroup() -> (group: [Entry], isClosed: Bool) {
        state.withLock { state in
            var bytes = 0
            var count = 0
            for entry in state.entries {
                bytes &+= entry.batch.byteCount
                count += 1
                if bytes >= Self.groupBytes { break }
            }
            let group = Array(state.entries.prefix(count))
            state.entries.removeFirst(count)
            state.bytes &-= bytes
            return (group, state.isClosed)
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        monitor.withLock { monitor.signal() }
    }

    var queuedBytes: Int { state.withLock { $0.bytes } }
}
