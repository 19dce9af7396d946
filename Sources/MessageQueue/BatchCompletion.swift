import Synchronization

/// Tells when the messages of a batch have ended: every consumer service has acknowledged them, or given them up, with
/// at least one of its instances. So a dead replica of a REPLICATED service delays nothing.
public final class BatchCompletion: Sendable {
    private struct State {
        /// Numbers of the buffers that took the batch, for each service.
        var open: [[Int]] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let done: @Sendable () -> Void

    /// - Parameter done: called once, on any thread, perhaps before the producer's method returns. It must not call the
    ///   producer.
    public init(_ done: @escaping @Sendable () -> Void) { self.done = done }

    /// Begins to wait for one buffer of each service.
    func wait(for accounts: [[Int]]) {
        state.withLock { $0.open = accounts.filter { !$0.isEmpty } }
    }

    /// Nobody took anything: there is nothing to wait for. Changes nothing once a producer has taken the batch.
    public func finishIfUnused() {
        let isDone = state.withLock { state -> Bool in
            guard state.open.isEmpty, !state.isOver else { return false }
            state.isOver = true
            return true
        }
        if isDone { done() }
    }

    /// A buffer has let go of the whole batch.
    func ended(account: Int) {
        let isDone = state.withLock { state -> Bool in
            guard !state.isOver else { return false }
            state.open.removeAll { $0.contains(account) }
            guard state.open.isEmpty else { return false }
            state.isOver = true
            return true
        }
        if isDone { done() }
    }
}
