import Metrics
import Synchronization
import Telemetry

/// The writer thread: everything that waits goes into one write of the database.
extension StoreCore {
    /// Samples that are shown to readers under one hold of the lock.
    private static let applyStep = 16_384

    /// - Returns: the error with which a batch is refused, or nil when it was taken.
    func admit(_ entry: WriteQueue.Entry) -> StorageError? {
        var refusal: StorageError?
        if openBytes.load(ordering: .relaxed) > options.maxOpenBytes {
            refusal = .busy("open blocks take more than \(options.maxOpenBytes) bytes of memory")
        } else {
            refusal = queue.push(entry)
        }
        if refusal != nil { instruments.refusedBatches.add() }
        return refusal
    }

    func writeLoop() {
        while let group = queue.popGroup() {
            let start = ContinuousClock.now
            let results = commit(group)
            let elapsed = (ContinuousClock.now - start).components
            instruments.commitSeconds.observe(Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
            for (entry, result) in zip(group, results) { entry.completion(result) }
        }
    }

    /// Stores the batches of a group, all in one write of the database.
    func commit(_ group: [WriteQueue.Entry]) -> [Result<WriteOutcome, StorageError>] {
        commitLock.withLock { _ in
            var commit = GroupCommit(core: self, now: options.clock())
            var outcomes = group.map { commit.add($0.batch) }
            do throws(StorageError) {
                try commit.write(sync: options.syncBeforeAck)
            } catch {
                commit.rollBack()
                for index in outcomes.indices {
                    outcomes[index].rejected[.writeFailed] = outcomes[index].stored
                    outcomes[index].stored = 0
                    instruments.count(outcomes[index])
                }
                return group.map { _ in .failure(error) }
            }
            needsSync.store(true, ordering: .releasing)
            apply(commit.records, now: commit.now)
            if openBytes.load(ordering: .relaxed) > options.maxOpenBytes / 2 { requestMaintenance() }
            for outcome in outcomes { instruments.count(outcome) }
            return outcomes.map { .success($0) }
        }
    }

    /// Shows stored samples to readers.
    private func apply(_ records: [OpenRecord], now: Int64) {
        for record in records {
            var position = 0
            while position < record.count {
                let end = min(position + Self.applyStep, record.count)
                stateLock.write {
                    let namespace = namespaces[Int(record.block.namespace)]
                    let block =
                        namespace.open[record.block.startMs] ?? OpenBlock(id: record.block, now: now)
                    let before = position == 0 && block.seriesCount == 0 ? 0 : block.memoryBytes
                    namespace.open[record.block.startMs] = block
                    block.lastWriteMs = now
                    record.forEach(in: position..<end) { block.append($0) }
                    openBytes.wrappingAdd(block.memoryBytes - before, ordering: .relaxed)
                }
                position = end
            }
        }
        instruments.series.set(Int64(registry.count))
    }
}

/// One write of the database being put together. Lives under the commit lock.
struct GroupCommit {
    private let core: StoreCore
    let now: Int64
    private let batch: Database.Batch
    private(set) var records: [OpenRecord] = []
    private var recordIndexes: [BlockID: Int] = [:]
    private var newSeries: [UInt32] = []

    init(core: StoreCore, now: Int64) {
        self.core = core
        self.now = now
        batch = Database.Batch(core.database)
    }

    /// Where samples of one namespace of the batch may go.
    private enum Target {
        case rejected(WriteOutcome.Rejection)
        case accepted(id: UInt16, blockMs: Int64, oldestMs: Int64)
    }

    /// Sorts a batch's samples into records by block. They count as stored from here on; ``write(sync:)`` decides.
    mutating func add(_ samples: SampleBatch) -> WriteOutcome {
        var outcome = WriteOutcome()
        var rejections: [WriteOutcome.Rejection: Int] = [:]
        let targets = samples.namespaces.map { target($0) }
        let latestMs = now &+ core.options.futureLimitMs
        var series = ContiguousArray<Int64>(repeating: Self.unresolved, count: samples.labelEnds.count)
        var lastReference = (index: SampleBatch.invalidLabels, id: Self.unresolved)
        // Samples mostly come in runs for one block: it is looked up when it changes.
        var current: (namespace: UInt32, start: Int64, end: Int64, record: Int)?
        samples.arena.withUnsafeBytes { arena in
            for sample in samples.samples {
                guard Int(sample.namespace) < targets.count else {
                    rejections[.invalidNamespace, default: 0] += 1
                    continue
                }
                guard case .accepted(let namespace, let blockMs, let oldestMs) = targets[Int(sample.namespace)] else {
                    if case .rejected(let reason) = targets[Int(sample.namespace)] {
                        rejections[reason, default: 0] += 1
                    }
                    continue
                }
                guard sample.timestampMs >= oldestMs else {
                    rejections[.tooOld, default: 0] += 1
                    continue
                }
                guard sample.timestampMs <= latestMs else {
                    rejections[.tooFarInFuture, default: 0] += 1
                    continue
                }
                let id: Int64
                if Int(sample.labels) < series.count {
                    if series[Int(sample.labels)] == Self.unresolved {
                        series[Int(sample.labels)] = resolve(samples.labelBytes(sample.labels, in: arena))
                    }
                    id = series[Int(sample.labels)]
                } else if sample.labels == lastReference.index {
                    id = lastReference.id
                } else if let reference = samples.reference(sample.labels) {
                    id = resolve(reference)
                    lastReference = (sample.labels, id)
                } else {
                    id = Self.invalid
                }
                guard id >= 0 else {
                    rejections[id == Self.overLimit ? .seriesLimit : .invalidLabels, default: 0] += 1
                    continue
                }
                if current == nil || current?.namespace != sample.namespace
                    || sample.timestampMs < current?.start ?? .max || sample.timestampMs >= current?.end ?? .min
                {
                    let start = core.namespaces[Int(namespace)].blockStart(sample.timestampMs)
                    current = (
                        sample.namespace, start, start &+ blockMs, record(BlockID(namespace: namespace, startMs: start))
                    )
                }
                guard let current else { continue }
                records[current.record].append(
                    series: UInt32(truncatingIfNeeded: id),
                    offset: UInt32(truncatingIfNeeded: sample.timestampMs &- current.start), bits: sample.valueBits)
                outcome.stored &+= 1
            }
        }
        outcome.rejected = rejections
        return outcome
    }

    private static let unresolved: Int64 = -1
    private static let invalid: Int64 = -2
    private static let overLimit: Int64 = -3

    private mutating func record(_ block: BlockID) -> Int {
        if let index = recordIndexes[block] { return index }
        records.append(OpenRecord(block: block))
        recordIndexes[block] = records.count - 1
        return records.count - 1
    }

    private mutating func resolve(_ reference: SeriesReference) -> Int64 {
        let (known, birth) = reference.remembered
        if core.registry.isSame(known, birth: birth) { return Int64(known) }
        let id = reference.canonicalLabels.withUnsafeBytes { resolve($0) }
        if let id = UInt32(exactly: id) { reference.remember(id: id, birth: core.registry.birth(of: id)) }
        return id
    }

    private mutating func resolve(_ labels: UnsafeRawBufferPointer) -> Int64 {
        let registry = core.registry
        let hash = registry.hash(labels)
        if let id = registry.find(labels, hash: hash) { return Int64(id) }
        guard StoreCore.areCanonical(labels) else { return Self.invalid }
        guard registry.count < core.options.maxSeries else { return Self.overLimit }
        // Readers may see the series before it has a sample: no block holds it yet, so no read finds it.
        let id = core.stateLock.write { registry.insert(labels, hash: hash) }
        newSeries.append(id)
        batch.put(.series, Keys.series(id), labels)
        return Int64(id)
    }

    private func target(_ namespace: Namespace) -> Target {
        if case .aggregated(let policy) = namespace, policy.resolutionNanos <= 0 || policy.retentionNanos <= 0 {
            return .rejected(.invalidNamespace)
        }
        guard let index = core.namespaceIndexes[namespace] ?? create(namespace) else {
            return .rejected(.namespaceLimit)
        }
        let state = core.namespaces[index]
        return .accepted(id: state.id, blockMs: state.blockMs, oldestMs: now &- state.retentionMs)
    }

    /// The namespace's record is part of the write; if that fails it is written with the next one.
    private func create(_ namespace: Namespace) -> Int? {
        guard core.namespaces.count < core.options.maxNamespaces else { return nil }
        core.stateLock.write { core.addToMemory(namespace) }
        core.instruments.namespaces.set(Int64(core.namespaces.count))
        return core.namespaces.count - 1
    }

    mutating func write(sync: Bool) throws(StorageError) {
        for index in records.indices {
            let key = Keys.open(records[index].block, sequence: core.nextSequence)
            core.nextSequence &+= 1
            records[index].withEncodedBytes { batch.put(.open, key, $0) }
        }
        // All of them, not only those with samples: their ids must have no gap.
        let newNamespaces = core.namespaces.filter { !$0.isPersisted }
        for namespace in newNamespaces { batch.put(.meta, Keys.namespace(namespace.id), namespace.encoded) }
        guard batch.count > 0 else { return }
        try core.database.write(batch, sync: sync)
        for namespace in newNamespaces { namespace.isPersisted = true }
    }

    /// Forgets what was registered for a write that failed.
    func rollBack() {
        core.stateLock.write { for id in newSeries { core.registry.remove(id) } }
    }
}

extension SampleBatch {
    @inline(__always) func reference(_ index: UInt32) -> SeriesReference? {
        let position = Int(index & ~Self.referenceBit)
        guard index & Self.referenceBit != 0, position < references.count else { return nil }
        return references[position]
    }

    func labelBytes(_ index: UInt32, in arena: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let index = Int(index)
        let start = index == 0 ? 0 : Int(labelEnds[index - 1])
        return UnsafeRawBufferPointer(rebasing: arena[start..<Int(labelEnds[index])])
    }
}
