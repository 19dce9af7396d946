import KeyValue
import Synchronization

/// The election of a process that is its own cluster: it leads from the start, over the same keys, so that terms and fenced writes
/// work as they do over etcd. The store's directory lock is what keeps a second process out.
public final class EmbeddedElection: LeaderElection {
    private struct Core {
        var state: ElectionState
        var fence: Fence?
        var isCampaigning = true
        var isClosed = false
        var readers: [UInt64: AsyncStream<ElectionState>.Continuation] = [:]
        var nextReader: UInt64 = 0
    }

    private let store: any KeyValueStore
    private let key: String
    private let value: String
    private let core: Mutex<Core>

    /// Takes the leadership with a new term. Throws what the store throws.
    /// - Parameter prefix: `ControlKeys.election(…)`.
    public init(store: any KeyValueStore, prefix: String, value: String) async throws(KeyValueError) {
        self.store = store
        self.value = value
        key = "\(prefix)/embedded"
        // A key that an earlier process left would carry that process's term.
        do { try await store.delete(key) } catch .notFound {}
        try await store.setIfNotExists(key, Array(value.utf8))
        let term = try await store.get(key).revision
        core = Mutex(Core(state: .leader(term: term), fence: Fence(key: key, createRevision: term)))
    }

    public var state: ElectionState { core.withLock(\.state) }
    public var fence: Fence? { core.withLock { $0.state.isLeader ? $0.fence : nil } }
    public var isCampaigning: Bool { core.withLock(\.isCampaigning) }

    public var leader: ElectionCandidate? {
        fence.map { ElectionCandidate(key: $0.key, value: value, createRevision: $0.createRevision) }
    }

    public var candidates: [ElectionCandidate] { leader.map { [$0] } ?? [] }

    public func setCampaigning(_ wanted: Bool) {
        core.withLock { core in
            guard !core.isClosed else { return }
            core.isCampaigning = wanted
            move(&core, to: wanted ? core.fence.map { .leader(term: $0.createRevision) } ?? .follower : .follower)
        }
    }

    public func states() -> AsyncStream<ElectionState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ElectionState.self, bufferingPolicy: .bufferingNewest(1))
        core.withLock { core in
            continuation.yield(core.state)
            guard !core.isClosed else { return continuation.finish() }
            core.nextReader += 1
            let id = core.nextReader
            core.readers[id] = continuation
            continuation.onTermination = { [weak self] _ in
                self?.core.withLock { $0.readers[id] = nil }
            }
        }
        return stream
    }

    public func resign(within time: Duration) async throws(ElectionError) {
        if core.withLock(\.isClosed) { throw .closed }
        if core.withLock({ $0.state.isLeader }) { throw .noOtherCandidate }
    }

    public func close() async {
        let readers = core.withLock { core in
            core.isClosed = true
            move(&core, to: .follower)
            defer { core.readers = [:] }
            return core.readers
        }
        for reader in readers.values { reader.finish() }
        _ = try? await store.delete(key)
    }

    private func move(_ core: inout Core, to state: ElectionState) {
        guard core.state != state else { return }
        core.state = state
        for reader in core.readers.values { reader.yield(state) }
    }
}
