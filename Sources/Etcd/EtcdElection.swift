import Cluster
import EtcdProtocol
import FoundationEssentials
import KeyValue
import Logging
import SwiftProtobuf
import Synchronization
import Telemetry

/// An election in etcd with M3's keys: carries out what `ElectionMachine` asks for. See `docs/etcd.md`, "Election".
public final class EtcdElection: LeaderElection {
    private struct Core {
        var machine: ElectionMachine
        var announced = ElectionState.follower
        var isClosed = false
        var readers: [UInt64: AsyncStream<ElectionState>.Continuation] = [:]
        var nextReader: UInt64 = 0
    }

    private let client: EtcdClient
    private let options: ElectionMachine.Options
    private let core: Mutex<Core>
    private let wake: AsyncStream<Void>.Continuation
    private let tasks = Mutex<[Task<Void, Never>]>([])
    private let start = ContinuousClock.now
    private let transitions: Counter

    /// Stands for election at once unless told otherwise, until `close`.
    /// - Parameters:
    ///   - service: of the election: name and environment become part of its keys.
    ///   - electionID: `ShardSetKeyFormat.election.key(shardSetID:)`.
    ///   - value: the instance id of this member in the placement; M3's members step back for no other.
    ///   - ttlSeconds: how long a member that is gone without a word blocks its successor; at least 2.
    ///   - isPeer: whether a leader of this value belongs to the shard set.
    public init(
        client: EtcdClient, service: ServiceID, electionID: String, value: String, ttlSeconds: Int64 = 10,
        isCampaigning: Bool = true, isPeer: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.client = client
        options = ElectionMachine.Options(
            prefix: ControlKeys.election(electionID, service: service), value: value, ttlSeconds: ttlSeconds)
        core = Mutex(
            Core(machine: ElectionMachine(options: options, isCampaigning: isCampaigning, isPeer: isPeer)))
        transitions = client.registry.counter(
            "m3agg_etcd_election_changes_total", help: "Changes of this member's state in an election.")
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.wake = wake
        tasks.withLock { $0 = [Task { await self.drive(wakes) }, Task { await self.follow() }] }
        wake.yield()
    }

    public var state: ElectionState { core.withLock { $0.isClosed ? .follower : $0.machine.state(at: now) } }
    public var fence: Fence? { core.withLock { $0.isClosed ? nil : $0.machine.fence(at: now) } }
    public var leader: ElectionCandidate? { core.withLock(\.machine.leader) }
    public var candidates: [ElectionCandidate] { core.withLock(\.machine.candidates) }
    public var isCampaigning: Bool { core.withLock { !$0.isClosed && $0.machine.isCampaigning } }
    public func setCampaigning(_ wanted: Bool) { handle(.campaignWanted(wanted)) }

    public func states() -> AsyncStream<ElectionState> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ElectionState.self, bufferingPolicy: .bufferingNewest(1))
        core.withLock { core in
            continuation.yield(core.announced)
            guard !core.isClosed else { return continuation.finish() }
            core.nextReader += 1
            let id = core.nextReader
            core.readers[id] = continuation
            continuation.onTermination = { [weak self] _ in
                self?.core.withLock { _ = $0.readers.removeValue(forKey: id) }
            }
        }
        return stream
    }

    public func resign(within time: Duration) async throws(ElectionError) {
        if core.withLock(\.isClosed) { throw .closed }
        let before = state
        guard let term = before.term else { return }
        let changes = states()
        handle(.resignRequested)
        let end = await withTaskGroup(of: ElectionState?.self) { group in
            group.addTask {
                for await state in changes {
                    switch state {
                    case .follower: return state
                    case .leader(let newTerm) where newTerm != term: return state
                    default: continue
                    }
                }
                return nil
            }
            group.addTask {
                try? await Task.sleep(for: time)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        switch end {
        case .follower: return
        case .leader: throw .noOtherCandidate
        default: throw core.withLock(\.isClosed) ? .closed : .timedOut(waitingFor: "another member to lead")
        }
    }

    public func close() async {
        let (lease, readers) = core.withLock { core in
            core.isClosed = true
            core.announced = .follower
            defer { core.readers = [:] }
            return (core.machine.lease, core.readers)
        }
        wake.finish()
        let running = tasks.withLock { tasks in
            defer { tasks = [] }
            return tasks
        }
        for task in running { task.cancel() }
        for task in running { await task.value }
        // Unreachable: then the lease runs out by itself.
        if let lease { try? await client.revoke(lease: lease, timeout: callTimeout) }
        for reader in readers.values {
            reader.yield(.follower)
            reader.finish()
        }
    }

    // MARK: Carrying out

    /// Nanoseconds since this object was made; the clock counts while the machine sleeps.
    private var now: Int64 { (ContinuousClock.now - start).nanoseconds }

    /// A third of the lease's time, so that a renewal that got no answer is followed by two others.
    private var callTimeout: Duration { .milliseconds(options.ttlSeconds * 1000 / 3) }

    private func handle(_ event: ElectionMachine.Event) {
        core.withLock { core in
            guard !core.isClosed else { return }
            core.machine.handle(event, at: now)
            announce(&core)
        }
        wake.yield()
    }

    private func announce(_ core: inout Core) {
        let state = core.machine.state(at: now)
        guard state != core.announced else { return }
        client.logger.info(
            "election", metadata: ["key": "\(options.prefix)", "from": "\(core.announced)", "to": "\(state)"])
        transitions.add()
        core.announced = state
        for reader in core.readers.values { reader.yield(state) }
    }

    /// Takes every due step, then waits for the next event or time.
    private func drive(_ wakes: AsyncStream<Void>) async {
        var timer: Task<Void, Never>?
        await withDiscardingTaskGroup { group in
            for await _ in wakes {
                let (actions, pause) = core.withLock { core in
                    let now = self.now
                    let actions = core.machine.advance(at: now)
                    announce(&core)
                    return (actions, core.machine.nextWakeup(after: now) - now)
                }
                for action in actions { group.addTask { await self.carryOut(action) } }
                timer?.cancel()
                timer = Task { [wake] in
                    if (try? await Task.sleep(for: .nanoseconds(pause))) != nil { wake.yield() }
                }
            }
            timer?.cancel()
            group.cancelAll()
        }
    }

    private func carryOut(_ action: ElectionMachine.Action) async {
        let sentAt = now
        let event: ElectionMachine.Event
        switch action {
        case .grantLease:
            let lease = try? await client.grantLease(ttlSeconds: options.ttlSeconds, timeout: callTimeout)
            event = lease.map { .leaseGranted(lease: $0.id, ttlSeconds: $0.ttlSeconds, sentAt: sentAt) } ?? .leaseFailed
        case .keepAlive(let lease):
            let ttl = try? await client.keepAlive(lease: lease, timeout: callTimeout)
            event = ttl.map { .keepAliveAnswered(lease: lease, ttlSeconds: $0, sentAt: sentAt) } ?? .keepAliveFailed
        case .register(let key, let lease):
            do throws(GRPCError) {
                event = .registered(try await register(key, lease: lease), lease: lease)
            } catch {
                event = .registerFailed(leaseIsGone: error.code == .notFound)
            }
        case .readCandidates:
            let found = try? await client.candidates(prefix: options.prefix + "/", timeout: callTimeout).candidates
            event =
                found.map { candidates in
                    .candidatesRead(
                        candidates.map {
                            ElectionCandidate(
                                key: $0.key, value: String(decoding: $0.value, as: UTF8.self),
                                createRevision: $0.createRevision)
                        }, startedAt: sentAt)
                } ?? .readFailed
        case .unregister(let fence):
            let done = try? await client.delete(fence.key, createRevision: fence.createRevision, timeout: callTimeout)
            event = done == nil ? .unregisterFailed : .unregistered(fence)
        }
        handle(event)
    }

    /// Creates the key, or finds it as an earlier attempt of the same lease left it, and corrects another value in it.
    private func register(_ key: String, lease: Int64) async throws(GRPCError) -> Fence {
        let value = Array(options.value.utf8)
        let (created, response) = try await client.put(
            key, value, lease: lease, if: [.created(key, at: 0)], timeout: callTimeout)
        if created { return Fence(key: key, createRevision: response.header.revision) }
        guard let found = response.responses.first?.responseRange.kvs.first else {
            throw GRPCError(code: .unavailable, message: "\(key) changed meanwhile")
        }
        if [UInt8](found.value) != value {
            let (corrected, _) = try await client.put(
                key, value, lease: lease, if: [.created(key, at: found.createRevision)], timeout: callTimeout)
            guard corrected else { throw GRPCError(code: .unavailable, message: "\(key) changed meanwhile") }
        }
        return Fence(key: key, createRevision: found.createRevision)
    }

    /// Hears of changes among the candidates as they happen; the machine reads them now and then in any case.
    private func follow() async {
        var create = Etcdserverpb_WatchCreateRequest()
        create.key = Data((options.prefix + "/").utf8)
        create.rangeEnd = EtcdClient.end(ofPrefix: options.prefix + "/")
        while !Task.isCancelled {
            do throws(GRPCError) {
                // Its first response says that the watch stands: what changed before is read then.
                _ = try await client.watch(create) { _ in handle(.candidatesChanged) }
            } catch {
                if error.asksForNewToken { try? await client.renewToken() }
            }
            try? await Task.sleep(for: .milliseconds(Int64.random(in: 100...300)))
        }
    }
}

extension Duration {
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
