import Metrics
import Synchronization

/// The labels of a series whose samples come again and again: a store that has seen it once finds the series without
/// hashing and comparing its labels.
///
/// What the store remembers here is a hint that it checks at each use: a series that went and came back is looked up
/// anew. Safe to use from any thread, and with several stores, which then take turns remembering.
public final class SeriesReference: Sendable {
    /// Canonical labels, see ``Metrics/Labels``.
    public let canonicalLabels: [UInt8]
    private let id = Atomic<UInt32>(0)
    private let birth = Atomic<UInt64>(0)

    /// - Parameter canonicalLabels: bytes that turn out not to be canonical make the samples that refer to them rejected
    ///   as `invalid_labels`.
    public init(canonicalLabels: [UInt8]) { self.canonicalLabels = canonicalLabels }

    /// Where a store kept the series last; a birth of 0 for nowhere yet. The two may be of different stores: births are
    /// unique in a process, so the store that owns neither finds that they do not belong together.
    @inline(__always) var remembered: (id: UInt32, birth: UInt64) {
        let birth = birth.load(ordering: .acquiring)
        return (id.load(ordering: .relaxed), birth)
    }

    func remember(id: UInt32, birth: UInt64) {
        self.id.store(id, ordering: .relaxed)
        self.birth.store(birth, ordering: .releasing)
    }
}
