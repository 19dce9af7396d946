import Glibc
import Metrics
import WireFormat

/// How the metadata of a payload is to be read.
enum MetadataForm: UInt8 {
    case staged = 0
    case timed = 1
    /// Without the field that names the source, which differs from message to message.
    case forward = 2
}

/// What some metadata bytes mean, decoded once for all series that send them.
final class MetadataEntry {
    enum Content {
        case staged([StagedMetadata])
        case forward(ForwardMetadata)
        case timed(TimedMetadata)
    }

    struct SpecKey: Hashable {
        var stage: UInt16
        var kind: UInt8
    }

    let content: Content
    /// Staged metadata that leaves everything to the defaults.
    let isDefault: Bool
    let form: MetadataForm
    /// Series that were last seen with it, and one more while it is being used.
    var holders = 0
    /// Whether it stands in the queue of those that nobody held.
    var isQueued = false
    /// The elements that each stage asks for, by kind of series, made at first need.
    var specs: [SpecKey: Result<[ElementSpec], DropReason>] = [:]

    init(_ content: Content, form: MetadataForm) {
        self.content = content
        self.form = form
        if case .staged(let stages) = content, stages.count == 1 {
            isDefault =
                stages[0].cutoverNanos == 0 && !stages[0].tombstoned && stages[0].pipelines.count == 1
                && stages[0].pipelines[0].isDefault
        } else {
            isDefault = false
        }
    }

    /// The stage in force at a time, and the times from and before which it is: the last one whose cutover has come.
    func activeStage(at now: Int64) -> (stage: Int, from: Int64, before: Int64)? {
        guard case .staged(let stages) = content else { return (0, .min, .max) }
        var before = Int64.max
        for (index, stage) in stages.enumerated().reversed() {
            if stage.cutoverNanos <= now { return (index, stage.cutoverNanos, before) }
            before = min(before, stage.cutoverNanos)
        }
        return nil
    }
}

/// All metadata that live series were last seen with, by their bytes, and some that nobody holds any more: series may
/// alternate between two, and rollups hear theirs again. Number 0 stands for none.
final class MetadataTable {
    /// What the fast path compares.
    struct Hot {
        var bytes: UnsafeMutableRawPointer?
        var count: Int
        var form: UInt8
        /// The stage in force in `from..<before`.
        var stage: UInt16
        var from: Int64
        var before: Int64
    }

    @exclusivity(unchecked) private var hot: UnsafeMutablePointer<Hot>
    private var capacity = 256
    private var entries: [MetadataEntry?] = [nil]
    private var free: [UInt32] = []
    /// Numbers by hash, and the next number with the same hash.
    private var heads: [UInt64: UInt32] = [:]
    private var nexts: [UInt32] = [0]
    /// Entries that nobody held when they were put here, oldest first from `queueStart` on.
    private var queue: [UInt32] = []
    private var queueStart = 0
    private let seed: UInt64
    private(set) var bytes = 0
    /// Entries that nobody holds; more than so many are forgotten.
    static let maxIdle = 16_384
    /// Called with an entry that is forgotten, for what it holds itself.
    var onForget: (MetadataEntry) -> Void = { _ in }

    init(seed: UInt64) {
        self.seed = seed
        hot = .allocate(capacity: capacity)
        hot.initialize(to: Self.none)
    }

    deinit {
        for i in entries.indices { hot[i].bytes?.deallocate() }
        hot.deallocate()
    }

    private static var none: Hot { Hot(bytes: nil, count: -1, form: .max, stage: 0, from: .max, before: .min) }

    var count: Int { entries.count - 1 - free.count }

    subscript(_ number: UInt32) -> MetadataEntry? { entries[Int(number)] }

    /// Whether these bytes are those of a number, and a stage of it is the one in force.
    @inline(__always)
    func isCurrent(
        _ number: UInt32, stage: UInt16, _ form: MetadataForm, _ metadata: UnsafeRawBufferPointer, _ now: Int64
    ) -> Bool {
        let hot = hot + Int(number)
        guard hot.pointee.count == metadata.count, hot.pointee.form == form.rawValue, hot.pointee.stage == stage,
            now >= hot.pointee.from, now < hot.pointee.before
        else { return false }
        guard let own = hot.pointee.bytes, let base = metadata.baseAddress else { return true }
        return memcmp(own, base, metadata.count) == 0
    }

    /// The number of some bytes, decoded when they are new.
    func intern(
        _ form: MetadataForm, _ metadata: UnsafeRawBufferPointer, limits: AggregatorLimits
    ) throws(DropReason) -> UInt32 {
        let hash = hash(metadata, form)
        var number = heads[hash] ?? 0
        while number != 0 {
            if let entry = entries[Int(number)], entry.form == form, isEqual(number, metadata) { return number }
            number = nexts[Int(number)]
        }
        guard metadata.count <= limits.maxMetadataBytes else { throw .metadataTooLong }
        while count >= limits.maxMetadatas {
            guard forgetOldestIdle() else { throw .metadataLimit }
        }
        let entry = MetadataEntry(try Self.decode(form, metadata), form: form)
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(metadata.count, 1), alignment: 8)
        if let base = metadata.baseAddress { copy.copyMemory(from: base, byteCount: metadata.count) }
        let row = Hot(bytes: copy, count: metadata.count, form: form.rawValue, stage: .max, from: .max, before: .min)
        bytes += metadata.count
        number = place(entry, row)
        nexts[Int(number)] = heads[hash] ?? 0
        heads[hash] = number
        return number
    }

    private func isEqual(_ number: UInt32, _ metadata: UnsafeRawBufferPointer) -> Bool {
        guard hot[Int(number)].count == metadata.count else { return false }
        guard let own = hot[Int(number)].bytes, let base = metadata.baseAddress else { return true }
        return memcmp(own, base, metadata.count) == 0
    }

    private func place(_ entry: MetadataEntry, _ row: Hot) -> UInt32 {
        if let number = free.popLast() {
            entries[Int(number)] = entry
            hot[Int(number)] = row
            return number
        }
        if entries.count == capacity {
            let larger = UnsafeMutablePointer<Hot>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: hot, count: capacity)
            hot.deallocate()
            hot = larger
            capacity *= 2
        }
        entries.append(entry)
        nexts.append(0)
        (hot + entries.count - 1).initialize(to: row)
        return UInt32(entries.count - 1)
    }

    /// The stage of an entry that is in force, which the fast path then knows.
    func activate(_ number: UInt32, at now: Int64) -> Int? {
        guard let active = entries[Int(number)]?.activeStage(at: now) else { return nil }
        hot[Int(number)].stage = UInt16(active.stage)
        hot[Int(number)].from = active.from
        hot[Int(number)].before = active.before
        return active.stage
    }

    func retain(_ number: UInt32) { entries[Int(number)]?.holders += 1 }

    /// Gives up a hold.
    func release(_ number: UInt32) {
        guard let entry = entries[Int(number)] else { return }
        entry.holders -= 1
        guard entry.holders <= 0, !entry.isQueued else { return }
        entry.isQueued = true
        queue.append(number)
        while queue.count - queueStart > Self.maxIdle { _ = forgetOldestIdle() }
    }

    /// Takes the first out of the queue, and forgets it if nobody holds it; false when the queue is empty.
    private func forgetOldestIdle() -> Bool {
        guard queueStart < queue.count else { return false }
        let number = queue[queueStart]
        queueStart += 1
        if queueStart * 2 > queue.count {
            queue.removeFirst(queueStart)
            queueStart = 0
        }
        guard let entry = entries[Int(number)] else { return true }
        entry.isQueued = false
        if entry.holders <= 0 { forget(number, entry) }
        return true
    }

    private func forget(_ number: UInt32, _ entry: MetadataEntry) {
        let row = hot[Int(number)]
        unlink(number, hash(UnsafeRawBufferPointer(start: row.bytes, count: row.count), entry.form))
        row.bytes?.deallocate()
        bytes -= row.count
        hot[Int(number)] = Self.none
        entries[Int(number)] = nil
        free.append(number)
        onForget(entry)
    }

    private func hash(_ metadata: UnsafeRawBufferPointer, _ form: MetadataForm) -> UInt64 {
        Wyhash.hash(metadata, seed: seed ^ UInt64(form.rawValue))
    }

    private func unlink(_ number: UInt32, _ hash: UInt64) {
        guard let head = heads[hash] else { return }
        if head == number {
            heads[hash] = nexts[Int(number)] == 0 ? nil : nexts[Int(number)]
        } else {
            var previous = head
            while previous != 0, nexts[Int(previous)] != number { previous = nexts[Int(previous)] }
            if previous != 0 { nexts[Int(previous)] = nexts[Int(number)] }
        }
        nexts[Int(number)] = 0
    }

    private static func decode(
        _ form: MetadataForm, _ metadata: UnsafeRawBufferPointer
    ) throws(DropReason) -> MetadataEntry.Content {
        let range = ByteRange(offset: 0, count: metadata.count)
        do {
            switch form {
            case .forward: return .forward(try MetadataCodec.forwardMetadata(metadata.bytes, in: range))
            case .timed: return .timed(try MetadataCodec.timedMetadata(metadata.bytes, in: range))
            case .staged: return .staged(try MetadataCodec.stagedMetadatas(metadata.bytes, in: range))
            }
        } catch {
            throw .badMetadata
        }
    }
}
