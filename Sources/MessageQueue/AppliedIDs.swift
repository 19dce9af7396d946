/// The ids of one queue that were applied: all up to a low-water mark, and a sparse bitmap above it in chunks of 512.
///
/// Full chunks that follow each other merge into runs, so that a gap that is never filled (a message that its producer
/// gave up) costs two entries however many ids follow it. An id is never reported that wasn't inserted.
struct AppliedIDs {
    static let idsPerChunk: UInt64 = 512

    /// A partial chunk, or a run of full ones.
    private struct Entry {
        var first: UInt64
        var last: UInt64
        var count: UInt16
        var bits: SIMD8<UInt64>

        var isFull: Bool { count == UInt16(AppliedIDs.idsPerChunk) }
    }

    enum Insertion { case inserted, present, forgot }

    /// Every id from 1 to this one was applied.
    private(set) var lowWater: UInt64 = 0
    private var entries: [Entry] = []
    private var lastTouched = 0

    var entryCount: Int { entries.count }
    static let bytesPerEntry = MemoryLayout<Entry>.stride

    @inline(__always)
    func contains(_ id: UInt64) -> Bool {
        if id <= lowWater { return id > 0 }
        if entries.isEmpty { return false }
        return containsAbove(id)
    }

    private func containsAbove(_ id: UInt64) -> Bool {
        let chunk = id / Self.idsPerChunk
        let index = firstEntry(endingAtOrAfter: chunk)
        guard index < entries.count, entries[index].first <= chunk else { return false }
        return entries[index].isFull || Self.bit(entries[index].bits, id)
    }

    /// Adds an id. When that takes more than `maxEntries` entries, the ones with the lowest ids are forgotten, and
    /// `.forgot` says so: those ids count as unseen again.
    mutating func insert(_ id: UInt64, maxEntries: Int) -> Insertion {
        if id == lowWater &+ 1, entries.isEmpty, id > 0 {
            lowWater = id
            return .inserted
        }
        if id == 0 || contains(id) { return .present }
        let chunk = id / Self.idsPerChunk
        let index = firstEntry(endingAtOrAfter: chunk)
        if index < entries.count, entries[index].first <= chunk {
            Self.setBit(&entries[index].bits, id)
            entries[index].count += 1
            if entries[index].isFull { merge(index) }
        } else {
            var entry = Entry(first: chunk, last: chunk, count: 1, bits: .zero)
            Self.setBit(&entry.bits, id)
            // Id 0 doesn't exist and ids up to the low-water mark are known: the chunk can fill up all the same.
            fillKnown(&entry)
            entries.insert(entry, at: index)
            if entry.isFull { merge(index) }
        }
        if id == lowWater &+ 1 { advance() }
        guard entries.count > maxEntries else { return .inserted }
        entries.removeFirst(entries.count - maxEntries)
        return .forgot
    }

    private func fillKnown(_ entry: inout Entry) {
        let start = entry.first * Self.idsPerChunk
        guard start <= lowWater else { return }
        let known = min(lowWater - start + 1, Self.idsPerChunk)
        for offset in 0..<known { Self.setBit(&entry.bits, start + offset) }
        entry.count += UInt16(known)
    }

    /// Moves the low-water mark over the ids that follow it.
    private mutating func advance() {
        while let entry = entries.first {
            let next = lowWater + 1
            let chunk = next / Self.idsPerChunk
            guard entry.first <= chunk else { break }
            if entry.isFull {
                let end = entry.last.multipliedReportingOverflow(by: Self.idsPerChunk)
                lowWater = max(lowWater, end.overflow ? lowWater : end.partialValue + (Self.idsPerChunk - 1))
                entries.removeFirst()
                continue
            }
            let end = (chunk + 1) * Self.idsPerChunk
            var id = next
            while id < end, Self.bit(entry.bits, id) { id += 1 }
            lowWater = id - 1
            // Nothing above the mark is left in a chunk that holds known ids only.
            let known = lowWater + 1 - entry.first * Self.idsPerChunk
            guard UInt64(entry.count) == known else { break }
            entries.removeFirst()
        }
    }

    private mutating func merge(_ index: Int) {
        var index = index
        if index > 0, entries[index - 1].isFull, entries[index - 1].last + 1 == entries[index].first {
            entries[index - 1].last = entries[index].last
            entries.remove(at: index)
            index -= 1
        }
        if index + 1 < entries.count, entries[index + 1].isFull, entries[index].last + 1 == entries[index + 1].first {
            entries[index].last = entries[index + 1].last
            entries.remove(at: index + 1)
        }
    }

    /// Index of the first entry whose last chunk isn't below `chunk`. The newest entries are the likely ones.
    private func firstEntry(endingAtOrAfter chunk: UInt64) -> Int {
        var low = 0
        var high = entries.count
        if high > 0, entries[high - 1].last < chunk { return high }
        if high > 1, entries[high - 2].last < chunk { return high - 1 }
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].last < chunk { low = middle + 1 } else { high = middle }
        }
        return low
    }

    @inline(__always)
    private static func bit(_ bits: SIMD8<UInt64>, _ id: UInt64) -> Bool {
        bits[Int(id % idsPerChunk / 64)] & (1 << (id % 64)) != 0
    }

    @inline(__always)
    private static func setBit(_ bits: inout SIMD8<UInt64>, _ id: UInt64) {
        bits[Int(id % idsPerChunk / 64)] |= 1 << (id % 64)
    }
}
