import Metrics
import Telemetry

/// A time series database in a directory of its own: takes samples, compresses them, forgets them after their
/// retention, and answers by labels and time.
///
/// All methods may be called from any thread. Writes are acknowledged when they are in the operating system's hands:
/// a killed process loses nothing, a power failure at most the last second (or nothing with
/// ``StoreOptions/syncBeforeAck``). Source: `docs/storage.md`.
public final class TimeSeriesStore: Sendable {
    private let core: StoreCore

    /// Opens the store, or makes it when there is none, and replays the samples of open blocks.
    /// - Parameter directory: made if missing; used by one store at a time.
    /// - Throws: ``StorageError/directoryInUse(_:)``, ``StorageError/invalidOption(name:value:fix:)``,
    ///   ``StorageError/unsupportedFormat(found:supported:)``, ``StorageError/database(operation:message:)``.
    public init(
        directory: String, options: StoreOptions = StoreOptions(), registry: Registry
    ) throws(StorageError) {
        core = try StoreCore(directory: directory, options: options, registry: registry)
        do {
            try core.startThreads()
        } catch {
            core.close()
            throw error
        }
    }

    deinit { core.close() }

    /// Writes what is waiting, ends the threads and gives the directory free. Later calls fail with
    /// ``StorageError/closed``. Blocks; not for an event loop.
    public func close() { core.close() }

    // MARK: Writing

    /// Hands a batch to the writer thread.
    ///
    /// A sample with the labels and time of an earlier one replaces it. Single samples that can't be stored are
    /// counted in the outcome and cost the others nothing.
    /// - Parameter completion: called exactly once: on the writer thread when the batch is written and readable, so it
    ///   must be quick; or at once on the caller's thread with ``StorageError/busy(_:)`` or ``StorageError/closed``,
    ///   when nothing of the batch was taken; or with ``StorageError/database(operation:message:)``, when nothing of
    ///   it was stored.
    public func write(
        _ batch: SampleBatch, completion: @escaping @Sendable (Result<WriteOutcome, StorageError>) -> Void
    ) {
        if let refusal = core.admit(WriteQueue.Entry(batch: batch, completion: completion)) {
            completion(.failure(refusal))
        }
    }

    /// Writes a batch and returns when it is readable. See ``write(_:completion:)``.
    @discardableResult
    public func write(_ batch: SampleBatch) async throws(StorageError) -> WriteOutcome {
        let result = await withCheckedContinuation { continuation in
            write(batch) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Bytes of batches that wait for the writer thread, of ``StoreOptions/maxQueuedBytes``.
    public var queuedBytes: Int { core.queue.queuedBytes }

    // MARK: Maintenance

    /// Seals blocks that are over, folds late chunks and expires what is older than its retention. Blocks until done.
    /// Called by a thread of the store's own unless ``StoreOptions/runsMaintenance`` is off.
    /// - Parameter now: milliseconds since 1970.
    public func maintain(now: Int64) { core.maintain(now: now) }

    // MARK: Reading

    /// The namespaces that were ever written to.
    public var namespaces: [Namespace] { core.stateLock.read { core.namespaces.map(\.namespace) } }

    /// How long a namespace keeps samples, in milliseconds; nil for an unknown one.
    public func retentionMs(of namespace: Namespace) -> Int64? {
        core.stateLock.read { core.namespaceIndexes[namespace].map { core.namespaces[$0].retentionMs } }
    }

    /// The samples of one namespace, in ascending order of labels. No matchers: all series.
    /// - Parameters:
    ///   - startMs: first millisecond since 1970 of the range, inclusive.
    ///   - endMs: last millisecond of the range, inclusive.
    /// - Throws: ``StorageError/unknownNamespace(_:)``, ``StorageError/tooManySeries(limit:)``,
    ///   ``StorageError/tooManySamples(limit:)``, ``StorageError/invalidRange(startMs:endMs:)``,
    ///   ``StorageError/busy(_:)``, ``StorageError/cancelled`` when the calling task was cancelled.
    public func select(
        namespace: Namespace, matchers: [LabelMatcher], startMs: Int64, endMs: Int64, limit: ReadLimit = ReadLimit()
    ) async throws(StorageError) -> [SeriesData] {
        let range = try Self.range(startMs, endMs)
        return try await run { [core] cancellation throws(StorageError) in
            try core.select(namespace, matchers, range, limit, cancellation)
        }
    }

    /// The samples of every series, whatever namespaces hold it, in ascending order of labels.
    ///
    /// Of namespaces with the same labels one is taken: the unaggregated one if it keeps the whole range, else the
    /// finest resolution that does; where none does, the one that keeps most of it. Errors as
    /// ``select(namespace:matchers:startMs:endMs:limit:)``.
    public func selectUnion(
        matchers: [LabelMatcher], startMs: Int64, endMs: Int64, limit: ReadLimit = ReadLimit()
    ) async throws(StorageError) -> [SeriesData] {
        let range = try Self.range(startMs, endMs)
        return try await run { [core] cancellation throws(StorageError) in
            try core.selectUnion(matchers, range, now: core.options.clock(), limit, cancellation)
        }
    }

    /// The labels of the series with samples in the blocks (of 2 h mostly) that a range touches.
    /// - Parameter namespace: nil for all.
    public func series(
        namespace: Namespace? = nil, matchers: [LabelMatcher], startMs: Int64 = .min, endMs: Int64 = .max,
        limit: Int = 100_000
    ) async throws(StorageError) -> [Labels] {
        let range = try Self.range(startMs, endMs)
        return try await run { [core] _ throws(StorageError) in
            try core.series(namespace, matchers, range, limit: limit)
        }
    }

    /// The names of the labels of matching series, sorted. Range and namespace as
    /// ``series(namespace:matchers:startMs:endMs:limit:)``.
    public func labelNames(
        namespace: Namespace? = nil, matchers: [LabelMatcher] = [], startMs: Int64 = .min, endMs: Int64 = .max
    ) async throws(StorageError) -> [String] {
        let range = try Self.range(startMs, endMs)
        return try await run { [core] _ throws(StorageError) in try core.labelNames(namespace, matchers, range) }
    }

    /// The values of one label among matching series, sorted. Range and namespace as
    /// ``series(namespace:matchers:startMs:endMs:limit:)``.
    public func labelValues(
        _ name: String, namespace: Namespace? = nil, matchers: [LabelMatcher] = [], startMs: Int64 = .min,
        endMs: Int64 = .max
    ) async throws(StorageError) -> [String] {
        let range = try Self.range(startMs, endMs)
        return try await run { [core] _ throws(StorageError) in
            try core.labelValues(name, namespace, matchers, range)
        }
    }

    private func run<T: Sendable>(
        _ body: @escaping @Sendable (ReaderPool.Cancellation) throws(StorageError) -> T
    ) async throws(StorageError) -> T {
        let seconds = core.instruments.readSeconds
        return try await core.readers.run { cancellation throws(StorageError) in
            let start = ContinuousClock.now
            defer {
                let elapsed = (ContinuousClock.now - start).components
                seconds.observe(Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
            }
            return try body(cancellation)
        }
    }

    private static func range(_ startMs: Int64, _ endMs: Int64) throws(StorageError) -> TimeRange {
        guard startMs <= endMs else { throw .invalidRange(startMs: startMs, endMs: endMs) }
        return TimeRange(startMs: startMs, endMs: endMs)
    }
}
