import Synchronization
import Telemetry

/// What other threads may see of one buffer: an instance of a REPLICATED service, or a SHARED service as a whole.
final class ReplicaMarks: Sendable {
    let endpoint: String
    /// Batches with a lower sequence number are dropped.
    let dropBelow = Atomic<UInt64>(0)
    let lost = Counter()
    let lostAtNanos = Atomic<Int64>(0)
    let connected = Atomic<Int>(0)

    init(endpoint: String) { self.endpoint = endpoint }

    /// Notes that references were lost because the buffer was full.
    func markIncomplete(at wallNanos: Int64) { lostAtNanos.store(max(1, wallNanos), ordering: .relaxed) }
}

/// A batch's place in one buffer. The bytes are given back when the last queue has let go of it.
final class BatchCharge: Sendable {
    let marks: ReplicaMarks
    private let admission: Admission
    private let account: Int
    private let handle: Int32
    private let sequence: UInt64
    private let completion: BatchCompletion?

    init(
        admission: Admission, account: Int, handle: Int32, sequence: UInt64, marks: ReplicaMarks,
        completion: BatchCompletion? = nil
    ) {
        self.admission = admission
        self.account = account
        self.handle = handle
        self.sequence = sequence
        self.marks = marks
        self.completion = completion
    }

    /// True once the batch was dropped to make room.
    var isDropped: Bool { sequence < marks.dropBelow.load(ordering: .relaxed) }

    deinit {
        admission.end(account: account, handle: handle)
        completion?.ended(account: account)
    }
}

/// The buffers of a producer and the decision whether a batch fits: all or nothing, under one lock that is held for
/// a time that doesn't depend on the number of messages.
final class Admission: Sendable {
    struct State {
        var accounts: [BufferAccount] = []
        var marks: [ReplicaMarks] = []
        var table = RouteTable(services: [])
        var isClosed = false
    }

    let state = Mutex(State())
    private let limit: Int
    private let spillover: Double

    init(limit: Int, spillover: Double) {
        self.limit = limit
        self.spillover = spillover
    }

    /// Adds a buffer and returns its number.
    func addAccount(endpoint: String) -> Int {
        state.withLock { state in
            state.accounts.append(BufferAccount(limit: limit, spillover: spillover))
            state.marks.append(ReplicaMarks(endpoint: endpoint))
            return state.accounts.count - 1
        }
    }

    func end(account: Int, handle: Int32) {
        state.withLock { $0.accounts[account].end(handle) }
    }

    /// The background part of `dropOldest`. True when something was dropped.
    func dropExcess(wallNanos: Int64) -> Bool {
        state.withLock { state in
            var isAny = false
            for index in state.accounts.indices where state.dropOldest(index, wallNanos: wallNanos) { isAny = true }
            return isAny
        }
    }
}

extension Admission.State {
    mutating func dropOldest(_ index: Int, wallNanos: Int64) -> Bool {
        guard accounts[index].dropOldest() else { return false }
        marks[index].markIncomplete(at: wallNanos)
        marks[index].dropBelow.store(accounts[index].dropBelow, ordering: .relaxed)
        return true
    }
}
