import Synchronization

/// Threads that run reads, which block on the disk, away from event loops and the cooperative pool.
final class ReaderPool: Sendable {
    /// Tells a running read that nobody waits for it any more.
    final class Cancellation: Sendable {
        private let flag = Atomic<Bool>(false)

        func cancel() { flag.store(true, ordering: .relaxed) }

        func check() throws(StorageError) {
            if flag.load(ordering: .relaxed) { throw .cancelled }
        }
    }

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let limit: Int
    private let state = Mutex(State())
    private let monitor = Monitor()

    init(limit: Int) { self.limit = limit }

    /// The body of each thread: runs jobs until the pool is closed and empty.
    func work() {
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        monitor.withLock {
            while true {
                let (job, isClosed) = state.withLock { state -> ((@Sendable () -> Void)?, Bool) in
                    (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
                }
                if let job { return job }
                if isClosed { return nil }
                monitor.wait()
            }
        }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        monitor.withLock { monitor.signal() }
    }

    /// Runs a read on one of the threads. Cancelling the caller's task makes it end early.
    func run<T: Sendable>(
        _ body: @escaping @Sendable (Cancellation) throws(StorageError) -> T
    ) async throws(StorageError) -> T {
        let cancellation = Cancellation()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<T, StorageError>, Never>) in
                let refusal: StorageError? = state.withLock { state in
                    if state.isClosed { return .closed }
                    guard state.jobs.count < limit else { return .busy("\(limit) reads are waiting") }
                    state.jobs.append {
                        continuation.resume(
                            returning: Result { () throws(StorageError) in
                                try cancellation.check()
                                return try body(cancellation)
                            })
                    }
                    return nil
                }
                if let refusal {
                    continuation.resume(returning: .failure(refusal))
                } else {
                    monitor.withLock { monitor.signal() }
                }
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }
}
