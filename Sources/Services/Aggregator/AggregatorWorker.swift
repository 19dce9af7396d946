import Aggregator
import Logging
import MessageQueue
import Metrics
import NIOCore
import Synchronization
import WireFormat

/// Owns whole shards and the series in them. Runs on one event loop, so that batches of connections of that loop are
/// worked off without a change of thread, and others cost one.
actor AggregatorWorker {
    /// The numbers that a scrape reads without waiting for the worker.
    struct Snapshot: Sendable {
        var counters = AggregatorCounters()
        var openValues: UInt64 = 0
        var liveSeries = 0
        var elements = 0
        var bytes = 0
        /// How many open values the counters have more than a walk over all windows found; 0 when all is well.
        var unaccountedValues: Int64 = 0
        var redelivered: UInt64 = 0
        var redeliveryOverflows: UInt64 = 0
    }

    private let loop: any EventLoop
    private let core: AggregationWorker
    private let publisher: FlushPublisher
    // Every message passes these four, in steps that do not overlap: the checks for that, 40 ns a message, are off.
    @exclusivity(unchecked) private var redelivery = RedeliveryFilter()
    @exclusivity(unchecked) private var payloads: [ByteRange] = []
    @exclusivity(unchecked) private var origins: [Int] = []
    @exclusivity(unchecked) private var misrouted: [Int32] = []
    private var isStopped = false
    private var pace = FlushPace()
    private var isStepScheduled = false
    private var walkedAt: Int64 = 0
    private var unaccounted: Int64 = 0
    private nonisolated let snapshotBox = Mutex(Snapshot())
    private nonisolated let routerBox = Mutex<(@Sendable (MessageSlice, [Int], [UInt32]) -> Void)?>(nil)
    private let numShards: UInt32
    private let telemetry: FlushTelemetry
    private nonisolated let clock: @Sendable () -> Int64
    /// Asked before each flush; nil for an instance that always leads.
    private let gate: (any FlushGate)?
    private var isLeading: Bool
    /// What of the flushes has been acknowledged; kept only with a gate.
    private nonisolated let acks = Mutex(AckTracker())

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    nonisolated var snapshot: Snapshot { snapshotBox.withLock { $0 } }

    /// - Parameter now: the clock, nanoseconds since 1970.
    init(
        loop: any EventLoop, options: AggregatorOptions, shards: [OwnedShard], publisher: FlushPublisher,
        telemetry: FlushTelemetry, gate: (any FlushGate)? = nil,
        now: @escaping @Sendable () -> Int64 = { WallClock.nowNanos() }
    ) {
        self.loop = loop
        self.gate = gate
        isLeading = gate == nil
        self.publisher = publisher
        self.telemetry = telemetry
        clock = now
        numShards = options.numShards
        core = AggregationWorker(options: options, shards: shards)
        core.publishesPassthrough = isLeading
    }

    /// With shards that are the instance's for ever.
    init(
        loop: any EventLoop, options: AggregatorOptions, ownedShards: [UInt32], publisher: FlushPublisher,
        telemetry: FlushTelemetry, now: @escaping @Sendable () -> Int64 = { WallClock.nowNanos() }
    ) {
        self.init(
            loop: loop, options: options, shards: ownedShards.map { OwnedShard(shard: $0) }, publisher: publisher,
            telemetry: telemetry, now: now)
    }

    /// Takes other shards; what it had of those that went is counted as discarded.
    func update(shards: [OwnedShard]) { core.update(shards: shards) }

    /// Sets other rate limits.
    func apply(_ limits: AggregatorRuntimeOptions) { core.apply(limits) }

    /// Takes what to do with messages whose shard hint was wrong.
    nonisolated func setRedirect(_ redirect: @escaping @Sendable (MessageSlice, [Int], [UInt32]) -> Void) {
        routerBox.withLock { $0 = redirect }
    }

    // MARK: Ingest

    /// Works a slice off at once on the worker's own loop, and queues it from another.
    nonisolated func submit(_ slice: MessageSlice) { onLoop { $0.process(slice) } }

    /// Counts messages whose shard nobody here owns, and acknowledges them.
    nonisolated func refuse(_ slice: MessageSlice) { onLoop { $0.refuseUnowned(slice) } }

    private nonisolated func onLoop(_ body: @escaping @Sendable (isolated AggregatorWorker) -> Void) {
        if loop.inEventLoop {
            assumeIsolated(body)
        } else {
            loop.execute { self.assumeIsolated(body) }
        }
    }

    private func process(_ slice: MessageSlice) {
        guard !isStopped else { return }
        let now = clock()
        admit(slice, now)
        misrouted.removeAll(keepingCapacity: true)
        slice.batch.withBytes { bytes in
            core.ingest(
                bytes, payloads: payloads, now: now, takesPassthrough: slice.takesPassthrough, misrouted: &misrouted)
        }
        if slice.takesPassthrough { core.drainPassthrough { publisher.publish($0) } }
        guard misrouted.isEmpty else { return redirectMisrouted(slice, now) }
        finish(slice, now)
    }

    private func refuseUnowned(_ slice: MessageSlice) {
        guard !isStopped else { return }
        let now = clock()
        admit(slice, now)
        slice.batch.withBytes { core.refuse($0, payloads: payloads) }
        finish(slice, now)
    }

    /// Fills `payloads` and `origins` with what has not been applied before.
    private func admit(_ slice: MessageSlice, _ now: Int64) {
        let messages = slice.batch.messages
        payloads.removeAll(keepingCapacity: true)
        origins.removeAll(keepingCapacity: true)
        if let indices = slice.indices {
            for index in indices { admit(messages[index], index, now) }
        } else {
            for (index, message) in messages.enumerated() { admit(message, index, now) }
        }
    }

    private func finish(_ slice: MessageSlice, _ now: Int64) {
        for origin in origins { markApplied(slice.batch.messages[origin], now) }
        slice.acknowledge()
    }

    @inline(__always)
    private func admit(_ message: MessageView, _ index: Int, _ now: Int64) {
        if message.producerEpoch != 0,
            redelivery.isApplied(epoch: message.producerEpoch, shard: message.shard, id: message.id, now: now)
        {
            return
        }
        payloads.append(message.value)
        origins.append(index)
    }

    @inline(__always)
    private func markApplied(_ message: MessageView, _ now: Int64) {
        guard message.producerEpoch != 0 else { return }
        redelivery.markApplied(epoch: message.producerEpoch, shard: message.shard, id: message.id, now: now)
    }

    /// Acknowledges what was applied here and hands the rest to the owners of its shards.
    private func redirectMisrouted(_ slice: MessageSlice, _ now: Int64) {
        let messages = slice.batch.messages
        let elsewhere = Set(misrouted.map { origins[Int($0)] })
        for origin in origins where !elsewhere.contains(origin) { markApplied(messages[origin], now) }
        let all = slice.indices ?? Array(messages.indices)
        slice.acknowledge(all.filter { !elsewhere.contains($0) })
        let redirected = elsewhere.sorted()
        let shards = slice.batch.withBytes { bytes in
            redirected.map { index -> UInt32 in
                // Only payloads that could be read are misrouted.
                guard let view = try? MetricReader.read(bytes, in: messages[index].value) else { return 0 }
                return view.id.withBytes(of: bytes) { Murmur3.shard(of: $0, numShards: numShards) }
            }
        }
        routerBox.withLock { $0 }?(slice, redirected, shards)
    }

    // MARK: Flush

    /// Publishes what is due and refreshes the snapshot; called every flush check on the worker's loop.
    nonisolated func flushOnLoop() { assumeIsolated { $0.flush() } }

    private func flush() {
        guard !isStopped else { return }
        let now = clock()
        publishDue(now)
        core.tick(now: now)
        redelivery.expire(now: now)
        refreshSnapshot(now)
    }

    /// Publishes what is due, as far as the queues have room: the rest is due again in the next step.
    private func publishDue(_ now: Int64) {
        guard isLeading, core.nextFlushNanos(now: now) <= now, mayPublish(now) else { return }
        if gate != nil { acks.withLock { $0.beginRound() } }
        let start = ContinuousClock.now
        let partial = core.counters.partialWindowsConsumed
        let isDone = core.flush(
            now: now, pacedBy: { publisher.mayContinue(&pace, now: now) },
            { publisher.publish($0, tracking: trackBatch) })
        if isDone {
            if gate != nil { acks.withLock { $0.endRound(core.flushTimes) } }
            pace = FlushPace()
        } else if !isStepScheduled {
            isStepScheduled = true
            loop.scheduleTask(in: FlushPace.step) { self.assumeIsolated { $0.nextStep() } }
        }
        telemetry.observe(ContinuousClock.now - start)
        telemetry.notePartialWindows(core.counters.partialWindowsConsumed - partial)
    }

    private func mayPublish(_ now: Int64) -> Bool {
        guard let gate else { return true }
        guard let term = gate.publishingTerm(now: now) else { return false }
        core.term = UInt64(clamping: term)
        return true
    }

    /// A batch that the acknowledgements of its messages end; nil where nobody asks for them.
    private var trackBatch: (() -> BatchCompletion)? {
        guard gate != nil else { return nil }
        return {
            let round = self.acks.withLock { $0.batchBegan() }
            return BatchCompletion { [weak self] in self?.acks.withLock { $0.batchEnded(round: round) } }
        }
    }

    // MARK: Leadership

    /// Begins to publish: everything that is due and was not discarded goes out at once.
    func lead(term: Int64) {
        guard !isStopped else { return }
        let now = clock()
        if !isLeading { acks.withLock { $0.restart(core.flushTimes) } }
        isLeading = true
        core.publishesPassthrough = true
        core.term = UInt64(clamping: term)
        core.beginLeading(now: now)
        publishDue(now)
        refreshSnapshot(now)
    }

    /// Publishes nothing more.
    func follow() {
        isLeading = false
        core.publishesPassthrough = false
        pace = FlushPace()
    }

    /// Discards what a leader has published.
    func discard(upTo times: [FlushTime]) {
        guard !isStopped else { return }
        core.discard(upTo: times)
        refreshSnapshot(clock())
    }

    /// Discards what is older.
    func discard(before nanos: Int64) {
        guard !isStopped else { return }
        core.discard(before: nanos)
        refreshSnapshot(clock())
    }

    /// Where the lists stand for a follower.
    func persistableFlushTimes(maxBufferNanos: Int64) -> [FlushTime] {
        acks.withLock { acks in
            // Lists that were made since the last flush are named, too.
            if !acks.isRoundOpen { acks.endRound(core.flushTimes) }
            return acks.persistable(maxBufferNanos: maxBufferNanos)
        }
    }

    /// Batches of flushes that wait for acknowledgements.
    nonisolated var openBatches: Int { acks.withLock(\.openBatches) }

    private func nextStep() {
        isStepScheduled = false
        if !isStopped { publishDue(clock()) }
    }

    /// Publishes the windows whose end has passed without waiting for late samples; forwarded values are still taken.
    func flushEndedWindows() {
        guard !isStopped else { return }
        let now = clock()
        core.flushEnded(now: now) { publisher.publish($0) }
        refreshSnapshot(now)
    }

    /// Publishes the windows whose end has passed, counts the others as dropped, and takes nothing more.
    /// - Parameter publishesEnded: false where another instance publishes them.
    func shutDown(publishesEnded: Bool = true) {
        guard !isStopped else { return }
        isStopped = true
        let now = clock()
        core.shutdown(now: now, publishesEnded: publishesEnded) { publisher.publish($0) }
        refreshSnapshot(now)
    }

    /// Elements up to which the open values are counted at each refresh; beyond, once in so many nanoseconds.
    private static let cheapWalk = (elements: 20_000, intervalNanos: 10 * 1_000_000_000 as Int64)

    private func refreshSnapshot(_ now: Int64) {
        if core.liveElements <= Self.cheapWalk.elements || now - walkedAt >= Self.cheapWalk.intervalNanos {
            walkedAt = now
            unaccounted = Int64(truncatingIfNeeded: core.openValues &- core.openValuesInWindows)
        }
        let state = Snapshot(
            counters: core.counters, openValues: core.openValues, liveSeries: core.liveSeries,
            elements: core.liveElements, bytes: core.memoryBytes, unaccountedValues: unaccounted,
            redelivered: redelivery.duplicates,
            redeliveryOverflows: redelivery.overflows)
        snapshotBox.withLock { $0 = state }
    }
}
