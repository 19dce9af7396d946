import Aggregator
import Cluster
import KeyValue
import Logging
import Synchronization
import Telemetry

/// One instance's part in its shard set: listens to the election and the flush times, and tells the workers what
/// ``FlushManager`` decides. Source: `docs/high-availability.md`.
final class ShardSetMember: FlushGate {
    struct Options: Sendable {
        var manager = FlushManager.Options()
        /// How often everything is looked at, whatever was reported.
        var checkNanos: Int64 = 200_000_000
        var campaignCheckNanos: Int64 = 1_000_000_000
        /// What a leader that keeps its windows for want of a session may use in all.
        var holdLimitBytes = 1 << 30
        /// The longest wait for acknowledgements before leadership is given up on request.
        var resignDrainNanos: Int64 = 300_000_000
        /// The longest wait for them at a stop.
        var stopDrainNanos: Int64 = 5_000_000_000
    }

    /// What the placement says of this instance.
    struct View: Sendable {
        /// Whether its shards allow it to lead, by the flush times and the time; nil for no change.
        var mayCampaign: @Sendable (FlushTimes?, Int64) -> Bool?
        var redirects: [UInt32: UInt32] = [:]
    }

    private struct State {
        var manager: FlushManager
        var ledger = FlushTimesLedger()
        var view: View
        var times: FlushTimes?
        var mayCampaign = false
        var campaignCheckedAt = Int64.min
        var isWriting = false
        var isStopped = false
    }

    let election: any LeaderElection
    private let times: FlushTimesStore
    private let instanceID: String
    private let workers: any FlushWorkers
    private let options: Options
    private let metrics: LeadershipTelemetry
    private let clock: @Sendable () -> Int64
    private let state: Mutex<State>
    private let wake: AsyncStream<Void>.Continuation
    private let tasks = Mutex<[Task<Void, Never>]>([])

    /// Begins at once.
    init(
        election: any LeaderElection, times: FlushTimesStore, instanceID: String, view: View,
        workers: any FlushWorkers, options: Options, metrics: LeadershipTelemetry,
        clock: @escaping @Sendable () -> Int64 = { WallClock.nowNanos() }
    ) {
        self.election = election
        self.times = times
        self.instanceID = instanceID
        self.workers = workers
        self.options = options
        self.metrics = metrics
        self.clock = clock
        state = Mutex(State(manager: FlushManager(options: options.manager, now: clock()), view: view))
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.wake = wake
        tasks.withLock {
            $0 = [
                Task { await self.followTimes() },
                Task { for await _ in election.states() { wake.yield() } },
                Task {
                    while !Task.isCancelled {
                        wake.yield()
                        try? await Task.sleep(for: .nanoseconds(options.checkNanos))
                    }
                },
                Task { for await _ in wakes { await self.step() } },
            ]
        }
    }

    // MARK: For others

    func publishingTerm(now: Int64) -> Int64? {
        let electionState = election.state
        return state.withLock { $0.isStopped ? nil : $0.manager.publishingTerm(electionState, now: now) }
    }

    var status: AggregatorFlushStatus {
        state.withLock { state in
            AggregatorFlushStatus(
                role: state.manager.leadingTerm == nil ? .follower : .leader,
                canLead: state.manager.canLead(isCampaigning: state.mayCampaign, now: clock()))
        }
    }

    /// Whether another member stands for election, so that windows that are over are not lost with this one.
    var hasSuccessor: Bool { election.candidates.contains { $0.value != instanceID } }

    func update(_ view: View) {
        state.withLock {
            $0.view = view
            $0.campaignCheckedAt = .min
        }
        wake.yield()
    }

    /// Lets acknowledgements come in and writes the flush times, so that the successor repeats nothing; then resigns.
    func resign(within nanos: Int64) async throws {
        guard election.state.term != nil else { return }
        let start = clock()
        state.withLock { $0.manager.pause(until: start.addingSaturating(1_000_000_000)) }
        await drain(nanos: min(options.resignDrainNanos, nanos))
        await writeLastFlushTimes()
        defer { state.withLock { $0.manager.pause(until: .min) } }
        try await election.resign(within: .nanoseconds(max(0, nanos - (clock() - start))))
    }

    /// Publishes nothing more, waits for acknowledgements, writes the flush times, and makes room for the successor.
    func stop() async {
        state.withLock { $0.manager.pause(until: .max) }
        if election.state.term != nil {
            await drain(nanos: options.stopDrainNanos)
            await writeLastFlushTimes()
        }
        await close()
    }

    /// Gives leadership and lease up at once.
    func close() async {
        state.withLock { $0.isStopped = true }
        for task in tasks.withLock({ $0 }) { task.cancel() }
        wake.finish()
        await election.close()
    }

    // MARK: Steps

    private func followTimes() async {
        while !Task.isCancelled {
            do {
                for await update in try await times.watch() {
                    switch update {
                    case .value(let times): receive(times.value)
                    case .rejected(let error, _):
                        metrics.logger.error(
                            "flush times can't be read; the last ones stay", metadata: ["error": "\(error)"])
                    }
                }
            } catch {
                metrics.logger.debug("flush times can't be watched yet", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func receive(_ times: FlushTimes) {
        metrics.received.add()
        state.withLock {
            $0.times = times
            $0.manager.receive(times)
        }
        wake.yield()
    }

    private func step() async {
        checkCampaign()
        if case .leader(let term) = election.state, state.withLock({ $0.manager.leadingTerm != term }) {
            await readTimes()
        }
        let electionState = election.state
        let isOverLimit = workers.memoryBytes > options.holdLimitBytes
        let actions = state.withLock { state -> [FlushManager.Action] in
            state.isStopped ? [] : state.manager.step(electionState, isOverLimit: isOverLimit, now: clock())
        }
        for action in actions { await carryOut(action) }
        metrics.isLeading.set(state.withLock { $0.manager.leadingTerm == nil ? 0 : 1 })
    }

    /// What the last leader wrote may be on its way still; to know it saves publishing it again.
    private func readTimes() async {
        let found = await withTaskGroup(of: FlushTimes?.self) { group in
            group.addTask { [times] in try? await times.get()?.value }
            group.addTask {
                try? await Task.sleep(for: .milliseconds(500))
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        if let found { receive(found) }
    }

    private func carryOut(_ action: FlushManager.Action) async {
        switch action {
        case .lead(let term):
            metrics.logger.notice("leading", metadata: ["term": "\(term)", "instance": "\(instanceID)"])
            metrics.promotions.add()
            await workers.lead(term: term)
        case .follow:
            metrics.logger.notice("following", metadata: ["instance": "\(instanceID)"])
            await workers.follow()
        case .discardUpTo(let times): await workers.discard(upTo: times.lists)
        case .discardBefore(let time):
            metrics.forced.add()
            await workers.discard(before: time)
        case .writeFlushTimes:
            // A write that waits for etcd must not hold up the rest.
            Task { await self.writeFlushTimes() }
        }
    }

    private func writeFlushTimes() async {
        guard let fence = election.fence else { return }
        let isFree = state.withLock { state -> Bool in
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard isFree else { return }
        defer { state.withLock { $0.isWriting = false } }
        let lists = await workers.persistableFlushTimes(maxBufferNanos: options.manager.maxBufferNanos)
        let value = state.withLock { $0.ledger.update(lists, redirects: $0.view.redirects) }
        guard !value.byShard.isEmpty else { return }
        do throws(ClusterError) {
            try await times.set(value, guardedBy: fence)
            metrics.written.add()
        } catch {
            metrics.failures.add()
            metrics.logger.warning("flush times were not written", metadata: ["error": "\(error)"])
        }
    }

    /// Writes once more when a write that is under way has ended; gives up after a second.
    private func writeLastFlushTimes() async {
        let end = clock().addingSaturating(1_000_000_000)
        while state.withLock(\.isWriting), clock() < end { try? await Task.sleep(for: .milliseconds(5)) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.writeFlushTimes() }
            group.addTask { try? await Task.sleep(for: .seconds(1)) }
            await group.next()
            group.cancelAll()
        }
    }

    private func drain(nanos: Int64) async {
        let end = clock().addingSaturating(nanos)
        while workers.openBatches > 0, clock() < end { try? await Task.sleep(for: .milliseconds(5)) }
    }

    /// Stands for election where the shards allow it; one that has not warmed up only while nobody else leads.
    private func checkCampaign() {
        let now = clock()
        let isOther = election.leader.map { $0.value != instanceID } ?? false
        let hasTerm = election.state.term != nil
        let wanted = state.withLock { state -> Bool? in
            guard !state.isStopped else { return nil }
            if now.subtractingSaturating(state.campaignCheckedAt) >= options.campaignCheckNanos {
                state.campaignCheckedAt = now
                state.mayCampaign = state.view.mayCampaign(state.times, now) ?? state.mayCampaign
            }
            return state.mayCampaign && (hasTerm || !isOther || state.manager.isWarm(now: now))
        }
        if let wanted, wanted != election.isCampaigning { election.setCampaigning(wanted) }
    }
}
