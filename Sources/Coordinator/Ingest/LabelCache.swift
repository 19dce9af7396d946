import Metrics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Remembers the canonical labels of metric ids, so that an id that comes window after window is parsed and sorted
/// once.
///
/// Open addressing over arrays: a slot holds 32 bits of the hash and an index, ids and labels lie in one arena. When
/// it is full it starts anew; what is alive is back within a window.
struct LabelCache {
    private struct Entry {
        var hash: UInt64
        var idStart: UInt32
        var idCount: UInt32
        var labelsStart: UInt32
        var labelsCount: UInt32
        /// The batch that last used the entry, and its index of the labels.
        var batch: UInt64
        var index: UInt32
    }

    private let maxEntries: Int
    private let maxBytes: Int
    private let seed: UInt64
    /// High half: bits of the hash; low half: index of the entry plus 1, 0 for an empty slot.
    private var slots: [UInt64]
    private var entries: [Entry] = []
    private var arena: [UInt8] = []

    /// - Parameters:
    ///   - maxEntries: at least 1.
    ///   - maxBytes: of ids and labels together, below 4 GiB.
    init(maxEntries: Int, maxBytes: Int, seed: UInt64) {
        self.maxEntries = max(1, min(maxEntries, 1 << 30))
        self.maxBytes = min(maxBytes, Int(UInt32.max) - 2 * Labels.maxEncodedBytes)
        self.seed = seed
        slots = Array(repeating: 0, count: 1024)
    }

    var count: Int { entries.count }

    /// The index that stands for the id's labels in a batch of samples; the labels are added to the batch once.
    /// - Parameters:
    ///   - batch: a number that differs for each batch.
    ///   - add: adds canonical labels to the batch.
    /// - Throws: when the id does not hold labels.
    mutating func index(
        of id: UnsafeRawBufferPointer, batch: UInt64, add: (UnsafeRawBufferPointer) -> UInt32
    ) throws(MetricsError) -> UInt32 {
        let hash = Wyhash.hash(id, seed: seed)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count &- 1)
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash >> 32 {
                let place = Int(slots[slot] & 0xffff_ffff) &- 1
                if isSame(entries[place], id) { return use(place, batch: batch, add: add) }
            }
            slot = (slot &+ 1) & (slots.count &- 1)
        }
        let labels = try Self.labels(of: id)
        let place = insert(id, labels, hash: hash)
        return use(place, batch: batch, add: add)
    }

    /// M3's way to say that tags came from Graphite: no label of the series.
    private static let idSchemeTag: StaticString = "__option_id_scheme__"

    private static func labels(of id: UnsafeRawBufferPointer) throws(MetricsError) -> Labels {
        let labels = try Labels(encodedTags: id)
        guard labels.value(of: idSchemeTag) != nil else { return labels }
        var kept: [(name: [UInt8], value: [UInt8])] = []
        func keep(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            if !idSchemeTag.withUTF8Buffer({ $0.elementsEqual(name) }) { kept.append((Array(name), Array(value))) }
        }
        labels.forEach(keep)
        return try Labels(bytePairs: kept)
    }

    private func isSame(_ entry: Entry, _ id: UnsafeRawBufferPointer) -> Bool {
        guard Int(entry.idCount) == id.count else { return false }
        let start = Int(entry.idStart)
        return arena.withUnsafeBytes { arena in
            guard let known = arena.baseAddress, let asked = id.baseAddress else { return true }
            return memcmp(known + start, asked, id.count) == 0
        }
    }

    private mutating func use(_ place: Int, batch: UInt64, add: (UnsafeRawBufferPointer) -> UInt32) -> UInt32 {
        if entries[place].batch != batch {
            let start = Int(entries[place].labelsStart)
            let end = start + Int(entries[place].labelsCount)
            entries[place].index = arena.withUnsafeBytes { add(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
            entries[place].batch = batch
        }
        return entries[place].index
    }

    private mutating func insert(_ id: UnsafeRawBufferPointer, _ labels: Labels, hash: UInt64) -> Int {
        let isCanonical = labels.encoded.elementsEqual(id)
        let bytes = id.count + (isCanonical ? 0 : labels.encoded.count)
        if entries.count >= maxEntries || arena.count + bytes > maxBytes { startAnew() }
        if (entries.count + 1) * 10 > slots.count * 7 { grow() }
        let idStart = UInt32(truncatingIfNeeded: arena.count)
        arena.append(contentsOf: id)
        let labelsStart = isCanonical ? idStart : UInt32(truncatingIfNeeded: arena.count)
        if !isCanonical { arena.append(contentsOf: labels.encoded) }
        entries.append(
            Entry(
                hash: hash, idStart: idStart, idCount: UInt32(truncatingIfNeeded: id.count), labelsStart: labelsStart,
                labelsCount: UInt32(truncatingIfNeeded: labels.encoded.count), batch: 0, index: 0))
        place(entries.count - 1)
        return entries.count - 1
    }

    private mutating func place(_ index: Int) {
        let hash = entries[index].hash
        var slot = Int(truncatingIfNeeded: hash) & (slots.count &- 1)
        while slots[slot] != 0 { slot = (slot &+ 1) & (slots.count &- 1) }
        slots[slot] = (hash & 0xffff_ffff_0000_0000) | UInt64(index + 1)
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for index in entries.indices { place(index) }
    }

    private mutating func startAnew() {
        entries.removeAll(keepingCapacity: true)
        arena.removeAll(keepingCapacity: true)
        for index in slots.indices { slots[index] = 0 }
    }
}
