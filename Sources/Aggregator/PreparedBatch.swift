import WireFormat

/// Payloads of one batch that were read and looked up, but not yet added.
///
/// A batch is worked off in passes: read and hash all, then look all slots up, then touch all records and rows. The
/// cache misses of different metrics then overlap, which halves the time of an addition at a million series.
final class PreparedBatch {
    static let capacity = 32

    struct Item {
        var view: MetricView
        var kind: SeriesKind
        var form: MetadataForm
        var tag: UInt32
        /// The record that is likely the metric's, 0 for none.
        var ref: UInt32
        /// Position among the payloads.
        var position: Int
    }

    let items: UnsafeMutablePointer<Item>
    @exclusivity(unchecked) var count = 0
    /// Takes what touching reads, so that it is not left out.
    @exclusivity(unchecked) var touched: UInt64 = 0

    init() { items = .allocate(capacity: Self.capacity) }

    deinit { items.deallocate() }

    @inline(__always)
    func append(_ item: Item) {
        (items + count).initialize(to: item)
        count &+= 1
    }
}
