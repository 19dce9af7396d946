import NIOCore

/// The payload buffers that a lane's queues refer to, each with the number of messages that still need it.
struct PayloadSlots {
    struct Slot {
        var bytes: ByteBuffer
        var charge: BatchCharge?
        var enqueuedAt: Int64
        var alive: Int32
        /// Set once ``BatchCharge/isDropped`` was seen, so that sending looks at plain memory only.
        var isDropped: Bool
    }

    private(set) var slots: [Slot] = []
    private var free: [UInt32] = []

    /// Takes up a buffer without messages; ``retain(_:)`` follows for each message.
    mutating func insert(_ bytes: ByteBuffer, charge: BatchCharge?, now: Int64) -> UInt32 {
        let slot = Slot(bytes: bytes, charge: charge, enqueuedAt: now, alive: 0, isDropped: false)
        if let reused = free.popLast() {
            slots[Int(reused)] = slot
            return reused
        }
        slots.append(slot)
        return UInt32(truncatingIfNeeded: slots.count - 1)
    }

    mutating func retain(_ slot: UInt32) { slots[Int(slot)].alive &+= 1 }

    mutating func release(_ slot: UInt32) {
        let index = Int(slot)
        slots[index].alive &-= 1
        guard slots[index].alive == 0 else { return }
        slots[index].bytes = ByteBuffer()
        slots[index].charge = nil
        free.append(slot)
    }

    /// Takes note of the batches that were dropped to make room.
    mutating func markDropped() {
        for index in slots.indices where slots[index].charge?.isDropped == true { slots[index].isDropped = true }
    }
}
