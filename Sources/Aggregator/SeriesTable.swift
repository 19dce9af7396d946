import Glibc
import Metrics

/// From (kind, id) to a series' record: open addressing with linear probing.
///
/// A slot is the record's reference (low half) and 32 bits of the id's hash (high half), which choose the home slot,
/// tell most other ids apart, and suffice to move a slot when the table grows. Records stay where they are. A hit is
/// always confirmed by comparing the bytes of the id.
final class SeriesTable {
    let arena = SeriesArena()
    private let seed: UInt64
    @exclusivity(unchecked) private var slots: UnsafeMutablePointer<UInt64>
    @exclusivity(unchecked) private var mask: UInt32
    private(set) var count = 0

    init(seed: UInt64, capacity: Int = 1_024) {
        self.seed = seed
        slots = Self.emptySlots(capacity)
        mask = UInt32(capacity - 1)
    }

    deinit { slots.deallocate() }

    var bytes: Int { arena.bytes + (Int(mask) + 1) * 8 }
    var slotCount: Int { Int(mask) + 1 }

    /// The 32 bits of the hash that a slot keeps.
    @inline(__always)
    func tag(_ kind: SeriesKind, _ id: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: Wyhash.hash(id, seed: seed ^ UInt64(kind.rawValue)))
    }

    @inline(__always)
    func record(_ ref: UInt32) -> UnsafeMutablePointer<SeriesRecord> {
        arena.address(ref).assumingMemoryBound(to: SeriesRecord.self)
    }

    @inline(__always)
    func id(_ ref: UInt32) -> UnsafeRawBufferPointer {
        let address = arena.address(ref)
        let count = Int(address.assumingMemoryBound(to: SeriesRecord.self).pointee.idCount)
        return UnsafeRawBufferPointer(start: address + SeriesRecord.idOffset, count: count)
    }

    /// A record that is very likely the one with this hash, 0 when there is surely none: reads slots only, so that
    /// the cache misses of a batch overlap.
    @inline(__always)
    func candidate(tag: UInt32) -> UInt32 {
        var i = tag & mask
        while true {
            let slot = slots[Int(i)]
            if slot == 0 { return 0 }
            if UInt32(truncatingIfNeeded: slot >> 32) == tag { return UInt32(truncatingIfNeeded: slot) }
            i = (i &+ 1) & mask
        }
    }

    /// Reads the ends of a record, so that its lines are on their way.
    @inline(__always)
    func touch(_ ref: UInt32) -> UInt64 {
        let address = arena.address(ref)
        let record = address.assumingMemoryBound(to: SeriesRecord.self)
        return UInt64(record.pointee.elementCount) &+ UInt64(address.load(fromByteOffset: 64, as: UInt8.self))
            &+ UInt64(address.load(fromByteOffset: 128, as: UInt8.self))
    }

    @inline(__always)
    func matches(_ ref: UInt32, _ kind: SeriesKind, _ id: UnsafeRawBufferPointer) -> Bool {
        let address = arena.address(ref)
        let record = address.assumingMemoryBound(to: SeriesRecord.self)
        guard record.pointee.kind == kind, Int(record.pointee.idCount) == id.count else { return false }
        guard let bytes = id.baseAddress else { return true }
        return memcmp(address + SeriesRecord.idOffset, bytes, id.count) == 0
    }

    /// The record of a key, 0 when there is none.
    func find(_ kind: SeriesKind, _ id: UnsafeRawBufferPointer, tag: UInt32) -> UInt32 {
        var i = tag & mask
        while true {
            let slot = slots[Int(i)]
            if slot == 0 { return 0 }
            if UInt32(truncatingIfNeeded: slot >> 32) == tag {
                let ref = UInt32(truncatingIfNeeded: slot)
                if matches(ref, kind, id) { return ref }
            }
            i = (i &+ 1) & mask
        }
    }

    /// Adds a key that is not there. nil when there is no memory.
    /// - Parameter id: at most ``AggregatorLimits/greatestIDBytes`` bytes.
    func insert(_ kind: SeriesKind, _ id: UnsafeRawBufferPointer, tag: UInt32, now: Int64) -> UInt32? {
        guard let ref = arena.allocate(units: SeriesRecord.units(idCount: id.count)) else { return nil }
        // At most 0.7 full: above that, misses walk far.
        if (count + 1) * 10 > slotCount * 7 { grow() }
        record(ref).initialize(
            to: SeriesRecord(
                lastAccess: now, cutover: .min, metadata: 0, stage: SeriesRecord.unsettled, kind: kind,
                isDefault: false, elements: ElementRef(column: 0, element: 0), elementCount: 0,
                idCount: UInt16(id.count), holders: 1))
        if let bytes = id.baseAddress {
            (arena.address(ref) + SeriesRecord.idOffset).copyMemory(from: bytes, byteCount: id.count)
        }
        place(UInt64(tag) << 32 | UInt64(ref))
        count += 1
        return ref
    }

    /// The record in a slot, 0 for an empty one: for walks over all series.
    func recordInSlot(_ slot: Int) -> UInt32 { UInt32(truncatingIfNeeded: slots[slot]) }

    /// Takes the record in a slot out of the table and moves later ones up, so that the slot holds another or none.
    func removeSlot(_ slot: Int) {
        var hole = UInt32(slot)
        var i = hole
        while true {
            i = (i &+ 1) & mask
            let next = slots[Int(i)]
            if next == 0 { break }
            let home = UInt32(truncatingIfNeeded: next >> 32) & mask
            // It may move into the hole unless its home lies behind the hole.
            if (i &- home) & mask >= (i &- hole) & mask {
                slots[Int(hole)] = next
                hole = i
            }
        }
        slots[Int(hole)] = 0
        count -= 1
    }

    /// Takes a record out of the table.
    func remove(_ ref: UInt32, tag: UInt32) {
        var i = tag & mask
        while slots[Int(i)] != 0 {
            if UInt32(truncatingIfNeeded: slots[Int(i)]) == ref { return removeSlot(Int(i)) }
            i = (i &+ 1) & mask
        }
    }

    /// Gives a record's memory back, when neither the table nor an element names it any more.
    func release(_ ref: UInt32) {
        arena.release(ref, units: SeriesRecord.units(idCount: Int(record(ref).pointee.idCount)))
    }

    private func place(_ slot: UInt64) {
        var i = UInt32(truncatingIfNeeded: slot >> 32) & mask
        while slots[Int(i)] != 0 { i = (i &+ 1) & mask }
        slots[Int(i)] = slot
    }

    private func grow() {
        let old = slots
        let oldCount = slotCount
        slots = Self.emptySlots(oldCount * 2)
        mask = UInt32(oldCount * 2 - 1)
        for i in 0..<oldCount where old[i] != 0 { place(old[i]) }
        old.deallocate()
    }

    private static func emptySlots(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        slots.initialize(repeating: 0, count: count)
        return slots
    }
}
