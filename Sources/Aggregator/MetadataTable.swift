import Glibc
import Metrics
import WireFormat

/// What a series' metadata bytes mean, decoded once for all series that send the same bytes.
final class MetadataEntry {
    enum Content {
        case staged([StagedMetadata], isDefault: Bool)
        case forward(ForwardMetadata)
        case timed(TimedMetadata)
    }

    let content: Content
    /// Owned copy of the bytes.
    let bytes: UnsafeMutableRawPointer
    let byteCount: Int
    /// Series that were last seen with it, and one more while it is being used.
    var users = 0
    /// Whether it waits to be forgotten.
    var isIdle = false
    /// The elements that each stage asks for, by stage, category and metric type, made at first need.
    var specs: [SpecKey: Result<[ElementSpec], DropReason>] = [:]

    /// The rollup targets that the specs name, once for each time.
    var targets: [UInt32] = []

    struct SpecKey: Hashable {
        var stage: UInt16
        /// Timed and untimed metrics may send the same bytes, and go to different lists.
        var category: SeriesKind.Category
        var metricType: MetricType
    }

    init(_ content: Content, bytes source: UnsafeRawBufferPointer) {
        self.content = content
        byteCount = source.count
        bytes = .allocate(byteCount: max(source.count, 1), alignment: 8)
        if let base = source.baseAddress { bytes.copyMemory(from: base, byteCount: source.count) }
    }

    deinit { bytes.deallocate() }

    /// The stage in force at a time: the last one whose cutover has passed.
    func activeStage(_ now: Int64) -> Int? {
        guard case .staged(let stages, _) = content else { return nil }
        return stages.lastIndex { $0.cutoverNanos <= now }
    }
}

extension DropReason: Error {}

/// All metadata that live series were last seen with, by their bytes.
struct MetadataTable {
    /// What the fast path compares: a row for each entry.
    struct Hot {
        var bytes: UnsafeRawPointer?
        var count: Int
        /// The cutover of the only stage; `Int64.max` when there are several, which the slow path tells apart.
        var cutover: Int64
    }

    private struct Key: Hashable {
        var kind: UInt8
        var bytes: [UInt8]
    }

    private(set) var hot: [Hot] = []
    private(set) var entries: [MetadataEntry?] = []
    private var indices: [Key: UInt32] = [:]
    private var keys: [Key?] = []
    private var free: [UInt32] = []
    private var forgottenTargets: [UInt32] = []
    /// Entries that no series uses at the moment, oldest first; some of them may be in use again.
    private var idle: [UInt32] = []
    /// A rollup hears from every shard in turn, each with metadata of its own: entries stay for a while when their last
    /// series moves on, so that they are not decoded again for every message.
    private static let maxIdle = 8_192

    init() {
        // Index 0 stands for "none".
        hot.append(Hot(bytes: nil, count: -1, cutover: .max))
        entries.append(nil)
        keys.append(nil)
    }

    var count: Int { indices.count }

    /// Whether these bytes are those of an entry.
    @inline(__always)
    func matches(_ index: UInt32, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let hot = hot[Int(index)]
        guard hot.count == bytes.count else { return false }
        guard let base = bytes.baseAddress, let own = hot.bytes else { return true }
        return memcmp(own, base, bytes.count) == 0
    }

    /// The entry of some bytes, decoded when they are new.
    mutating func intern(
        _ kind: PayloadKind, _ bytes: UnsafeRawBufferPointer, limits: AggregatorLimits
    ) throws(DropReason) -> UInt32 {
        let category: UInt8 = kind == .forwarded ? 1 : kind == .timedWithMetadata ? 2 : 0
        let key = Key(kind: category, bytes: [UInt8](bytes))
        if let index = indices[key] { return index }
        guard bytes.count <= limits.maxMetadataBytes else { throw .metadataTooLong }
        guard indices.count < limits.maxMetadatas else { throw .metadataLimit }
        let entry = MetadataEntry(try Self.decode(kind, bytes), bytes: bytes)
        var cutover = Int64.max
        if case .staged(let stages, _) = entry.content, stages.count == 1 { cutover = stages[0].cutoverNanos }
        let row = Hot(bytes: UnsafeRawPointer(entry.bytes), count: entry.byteCount, cutover: cutover)
        let index: UInt32
        if let free = free.popLast() {
            index = free
            hot[Int(index)] = row
            entries[Int(index)] = entry
            keys[Int(index)] = key
        } else {
            index = UInt32(hot.count)
            hot.append(row)
            entries.append(entry)
            keys.append(key)
        }
        indices[key] = index
        return index
    }

    mutating func retain(_ index: UInt32) { entries[Int(index)]?.users += 1 }

    /// Gives up one use. An entry that nobody uses is forgotten after a while, so that churn does not grow the table.
    mutating func release(_ index: UInt32) {
        guard let entry = entries[Int(index)] else { return }
        entry.users -= 1
        guard entry.users <= 0, !entry.isIdle else { return }
        entry.isIdle = true
        idle.append(index)
        if idle.count > 2 * Self.maxIdle { forgetOldest() }
    }

    /// The rollup targets of entries that were forgotten since the last call.
    mutating func takeForgottenTargets() -> [UInt32] {
        defer { forgottenTargets = [] }
        return forgottenTargets
    }

    private mutating func forgetOldest() {
        let oldest = idle.prefix(idle.count - Self.maxIdle)
        for index in oldest {
            guard let entry = entries[Int(index)] else { continue }
            entry.isIdle = false
            guard entry.users <= 0, let key = keys[Int(index)] else { continue }
            forgottenTargets += entry.targets
            indices[key] = nil
            entries[Int(index)] = nil
            keys[Int(index)] = nil
            hot[Int(index)] = hot[0]
            free.append(index)
        }
        idle.removeFirst(oldest.count)
    }

    private static func decode(
        _ kind: PayloadKind, _ bytes: UnsafeRawBufferPointer
    ) throws(DropReason) -> MetadataEntry.Content {
        let range = ByteRange(offset: 0, count: bytes.count)
        do {
            switch kind {
            case .forwarded: return .forward(try MetadataCodec.forwardMetadata(bytes.bytes, in: range))
            case .timedWithMetadata: return .timed(try MetadataCodec.timedMetadata(bytes.bytes, in: range))
            default:
                let stages = try MetadataCodec.stagedMetadatas(bytes.bytes, in: range)
                guard stages.count < Int(SeriesRecord.unsettled) else { throw DropReason.metadataTooLong }
                let isDefault =
                    stages.count == 1 && stages[0].cutoverNanos == 0 && !stages[0].tombstoned
                    && stages[0].pipelines.count == 1 && stages[0].pipelines[0].isDefault
                return .staged(stages, isDefault: isDefault)
            }
        } catch {
            throw .badMetadata
        }
    }
}
