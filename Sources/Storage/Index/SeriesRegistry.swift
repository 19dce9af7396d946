import Metrics
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// All series with their labels: labels → id by a hash table, id → labels, and the inverted index.
///
/// Ids of series that are gone are given to new ones; ``births`` tells the two apart. Guarded by the store's state
/// lock; only the holder of the commit lock changes it.
final class SeriesRegistry {
    private struct Entry: BitwiseCopyable {
        var labels: UnsafeMutableRawPointer?
        var length: UInt32
        /// Counts registrations: a reader skips series that were born after it chose its ids.
        var birth: UInt64
        var hash: UInt64
    }

    private struct Cell: BitwiseCopyable {
        var tag: UInt32
        var id: UInt32
    }

    private static let empty = UInt32.max
    /// Full at 7 cells in 10.
    private static let loadNumerator = 7
    private static let loadDenominator = 10

    private var cells: [Cell]
    private let entries = PagedArray(repeating: Entry(labels: nil, length: 0, birth: 0, hash: 0))
    private var freeIDs: [UInt32] = []
    private let seed = UInt64.random(in: .min ... .max)
    let index = LabelIndex()
    private(set) var count = 0
    /// The last birth here. Births are unique in the process, so that a ``SeriesReference`` fits one registry only.
    private(set) var births: UInt64 = 0
    private static let birthsOfAll = Atomic<UInt64>(0)

    init() { cells = Array(repeating: Cell(tag: 0, id: Self.empty), count: 1_024) }

    deinit {
        for id in 0..<entries.count { entries.pointer(id).pointee.labels?.deallocate() }
    }

    func hash(_ labels: UnsafeRawBufferPointer) -> UInt64 { Wyhash.hash(labels, seed: seed) }

    @inline(__always) private static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

    func find(_ labels: UnsafeRawBufferPointer, hash: UInt64) -> UInt32? {
        cells.withUnsafeBufferPointer { cells in
            let mask = cells.count &- 1
            var position = Int(truncatingIfNeeded: hash) & mask
            while cells[position].id != Self.empty {
                let cell = cells[position]
                if cell.tag == Self.tag(hash) {
                    let entry = entries.pointer(Int(cell.id)).pointee
                    if Int(entry.length) == labels.count, let stored = entry.labels, let base = labels.baseAddress,
                        memcmp(stored, base, labels.count) == 0
                    {
                        return cell.id
                    }
                }
                position = (position &+ 1) & mask
            }
            return nil
        }
    }

    /// Registers labels that are canonical and not registered yet.
    func insert(_ labels: UnsafeRawBufferPointer, hash: UInt64) -> UInt32 {
        let id = freeIDs.popLast() ?? UInt32(truncatingIfNeeded: entries.grow())
        place(id, labels, hash)
        return id
    }

    /// Registers labels under the id that they were stored with. Call ``rebuildFreeIDs(excluding:)`` after the last.
    func restore(_ id: UInt32, _ labels: UnsafeRawBufferPointer) {
        while entries.count <= Int(id) { _ = entries.grow() }
        place(id, labels, hash(labels))
    }

    /// Makes every id free that is neither registered nor in a set.
    func rebuildFreeIDs(excluding used: SeriesBitmap) {
        freeIDs = (0..<entries.count).reversed().compactMap { index in
            let id = UInt32(truncatingIfNeeded: index)
            return entries.pointer(index).pointee.labels == nil && !used.contains(id) ? id : nil
        }
    }

    private func place(_ id: UInt32, _ labels: UnsafeRawBufferPointer, _ hash: UInt64) {
        if (count &+ 1) &* Self.loadDenominator > cells.count &* Self.loadNumerator { growTable() }
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(labels.count, 1), alignment: 1)
        copy.copyMemory(from: labels.baseAddress ?? UnsafeRawPointer(copy), byteCount: labels.count)
        births = Self.birthsOfAll.add(1, ordering: .relaxed).newValue
        entries.pointer(Int(id)).pointee = Entry(
            labels: copy, length: UInt32(truncatingIfNeeded: labels.count), birth: births, hash: hash)
        occupy(Cell(tag: Self.tag(hash), id: id), hash)
        count &+= 1
        forEachLabel(of: labels) { index.insert(id, name: $0, value: $1) }
    }

    func remove(_ id: UInt32) {
        guard Int(id) < entries.count else { return }
        let entry = entries.pointer(Int(id)).pointee
        guard let labels = entry.labels else { return }
        vacate(id, entry.hash)
        let bytes = UnsafeRawBufferPointer(start: labels, count: Int(entry.length))
        forEachLabel(of: bytes) { index.remove(id, name: $0, value: $1) }
        labels.deallocate()
        entries.pointer(Int(id)).pointee = Entry(labels: nil, length: 0, birth: 0, hash: 0)
        freeIDs.append(id)
        count &-= 1
    }

    /// Whether an id is that of the series with this birth.
    @inline(__always) func isSame(_ id: UInt32, birth: UInt64) -> Bool {
        birth != 0 && Int(id) < entries.count && entries.pointer(Int(id)).pointee.birth == birth
    }

    /// 0 for an id that is not registered.
    func birth(of id: UInt32) -> UInt64 { Int(id) < entries.count ? entries.pointer(Int(id)).pointee.birth : 0 }

    /// The canonical bytes of a series that was registered not later than the given birth.
    func labels(_ id: UInt32, bornUntil birth: UInt64 = .max) -> UnsafeRawBufferPointer? {
        guard Int(id) < entries.count else { return nil }
        let entry = entries.pointer(Int(id)).pointee
        guard let labels = entry.labels, entry.birth <= birth else { return nil }
        return UnsafeRawBufferPointer(start: labels, count: Int(entry.length))
    }

    var allIDs: [UInt32] {
        (0..<entries.count).compactMap {
            entries.pointer($0).pointee.labels == nil ? nil : UInt32(truncatingIfNeeded: $0)
        }
    }

    private func forEachLabel(
        of labels: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) {
        guard var tags = try? EncodedTags.Iterator(labels) else { return }
        while let tag = try? tags.next() {
            body(
                UnsafeRawBufferPointer(rebasing: labels[tag.name]), UnsafeRawBufferPointer(rebasing: labels[tag.value]))
        }
    }

    // MARK: Hash table

    private func occupy(_ cell: Cell, _ hash: UInt64) {
        let mask = cells.count &- 1
        var position = Int(truncatingIfNeeded: hash) & mask
        while cells[position].id != Self.empty { position = (position &+ 1) & mask }
        cells[position] = cell
    }

    private func growTable() {
        let old = cells
        cells = Array(repeating: Cell(tag: 0, id: Self.empty), count: old.count * 2)
        for cell in old where cell.id != Self.empty { occupy(cell, entries.pointer(Int(cell.id)).pointee.hash) }
    }

    /// Empties a cell and moves later ones of its run up, so that look-ups need no tombstones.
    private func vacate(_ id: UInt32, _ hash: UInt64) {
        let mask = cells.count &- 1
        var hole = Int(truncatingIfNeeded: hash) & mask
        while cells[hole].id != id {
            if cells[hole].id == Self.empty { return }
            hole = (hole &+ 1) & mask
        }
        var position = (hole &+ 1) & mask
        while cells[position].id != Self.empty {
            let home = Int(truncatingIfNeeded: entries.pointer(Int(cells[position].id)).pointee.hash) & mask
            // A cell may move to the hole unless its home lies behind the hole.
            if (position &- home) & mask >= (position &- hole) & mask {
                cells[hole] = cells[position]
                hole = position
            }
            position = (position &+ 1) & mask
        }
        cells[hole] = Cell(tag: 0, id: Self.empty)
    }
}
