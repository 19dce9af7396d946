import Metrics

/// A namespace with its blocks in memory. Guarded by the store's state lock.
final class NamespaceState {
    let id: UInt16
    let namespace: Namespace
    let retentionMs: Int64
    let blockMs: Int64
    /// Whether the namespace is recorded on disk. Guarded by the commit lock.
    var isPersisted = false
    var open: [Int64: OpenBlock] = [:]
    /// Blocks that are being written to disk: they are read, and no longer written. `cut` is the first sequence of
    /// the family `open` that belongs to the block's successor.
    var sealing: [Int64: (block: OpenBlock, cut: UInt64)] = [:]
    var sealed: [Int64: SealedBlock] = [:]

    init(id: UInt16, namespace: Namespace, unaggregatedRetentionMs: Int64) {
        self.id = id
        self.namespace = namespace
        retentionMs = Self.retentionMs(namespace, unaggregatedRetentionMs)
        blockMs = Self.blockMs(namespace, retentionMs: retentionMs)
    }

    static let defaultBlockMs: Int64 = 2 * 3_600_000

    /// Blocks are 2 h long, or a day where 2 h would hold fewer than 12 samples and the retention is long enough to
    /// be cut by days.
    private static func blockMs(_ namespace: Namespace, retentionMs: Int64) -> Int64 {
        guard let policy = namespace.policy, policy.resolutionNanos > 600_000_000_000, retentionMs >= 7 * 86_400_000
        else { return defaultBlockMs }
        return 86_400_000
    }

    private static func retentionMs(_ namespace: Namespace, _ unaggregated: Int64) -> Int64 {
        guard let policy = namespace.policy else { return unaggregated }
        return max(policy.retentionNanos / 1_000_000, 1)
    }

    func blockStart(_ timestampMs: Int64) -> Int64 {
        let remainder = timestampMs % blockMs
        return timestampMs &- (remainder < 0 ? remainder &+ blockMs : remainder)
    }

    /// The starts of all blocks that overlap a range, ascending.
    func blockStarts(in range: TimeRange) -> [Int64] {
        var starts = Set(sealed.keys)
        starts.formUnion(open.keys)
        starts.formUnion(sealing.keys)
        return starts.filter { $0 <= range.endMs && $0 &+ (blockMs - 1) >= range.startMs }.sorted()
    }

    /// The series with samples in any block that overlaps a range: a set of the caller's own.
    func series(in range: TimeRange) -> SeriesBitmap {
        let result = SeriesBitmap()
        for start in blockStarts(in: range) {
            if let block = sealed[start] { result.formUnion(block.series) }
            if let block = sealing[start] { result.formUnion(block.block.series) }
            if let block = open[start] { result.formUnion(block.series) }
        }
        return result
    }

    /// Takes from a set the series that have samples here.
    func subtractAll(from candidates: SeriesBitmap) {
        for block in sealed.values { candidates.subtract(block.series) }
        for (block, _) in sealing.values { candidates.subtract(block.series) }
        for block in open.values { candidates.subtract(block.series) }
    }

    // MARK: Persistence

    /// Resolution, retention and precision in nanoseconds, little-endian; all 0 for the unaggregated namespace.
    var encoded: [UInt8] {
        let policy = namespace.policy
        let figures = [policy?.resolutionNanos ?? 0, policy?.retentionNanos ?? 0, policy?.precisionNanos ?? 0]
        return figures.flatMap { withUnsafeBytes(of: $0.littleEndian) { Array($0) } }
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> Namespace? {
        guard bytes.count >= 24 else { return nil }
        func figure(_ index: Int) -> Int64 {
            Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
        }
        if figure(0) == 0, figure(1) == 0 { return .unaggregated }
        guard figure(0) > 0, figure(1) > 0 else { return nil }
        return .aggregated(
            StoragePolicy(resolutionNanos: figure(0), precisionNanos: figure(2), retentionNanos: figure(1)))
    }
}
