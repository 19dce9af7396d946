import Metrics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A bounded hash table of plans. When it is full, the clock hand passes over plans that were used since it came by
/// last, and the first other one makes room.
struct SeriesPlanTable {
    private let maxPlans: Int
    private let maxBytes: Int
    /// 32 bits of the hash above the index into the columns plus 1; 0 for a free slot. A power of two of slots, at most
    /// half full. The hash bits spare a look at most plans that are not the one.
    private var slots: [UInt64]
    private var plans: [SeriesPlan] = []
    private var wasUsed: [Bool] = []
    private var hand = 0

    /// The rules' generation that all plans were made under.
    private(set) var generation: UInt64 = 0
    /// About what the plans take in memory.
    private(set) var bytes = 0
    private(set) var evictions: UInt64 = 0

    var count: Int { plans.count }

    /// - Parameters:
    ///   - maxPlans: at least 1.
    ///   - maxBytes: a plan that alone is larger is not kept.
    init(maxPlans: Int, maxBytes: Int) {
        self.maxPlans = max(1, min(maxPlans, 1 << 30))
        self.maxBytes = maxBytes
        slots = Array(repeating: 0, count: 16)
    }

    /// The plan of a series under the rules in force. Plans of older rules are forgotten.
    mutating func find(
        _ hash: UInt64, _ key: UnsafeRawBufferPointer, _ attributes: SeriesAttributes, generation: UInt64
    ) -> SeriesPlan? {
        if generation != self.generation {
            guard generation > self.generation else { return nil }
            removeAll(generation: generation)
        }
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == Self.tag(hash) {
                let index = Self.index(slots[slot])
                let plan = plans[index]
                if plan.hash == hash, Self.isFor(plan, key, attributes) {
                    if !wasUsed[index] { wasUsed[index] = true }
                    return plan
                }
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    /// Bits that neither the slot nor the stripe is chosen by.
    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt64 { (hash >> 26) & 0xffff_ffff }

    @inline(__always)
    private static func index(_ entry: UInt64) -> Int { Int(entry & 0xffff_ffff) &- 1 }

    private func entry(_ index: Int) -> UInt64 { Self.tag(plans[index].hash) << 32 | UInt64(index + 1) }

    @inline(__always)
    private static func isFor(_ plan: SeriesPlan, _ key: UnsafeRawBufferPointer, _ attributes: SeriesAttributes) -> Bool
    {
        guard plan.key.count == key.count, plan.attributes.packed == attributes.packed else { return false }
        guard let other = key.baseAddress else { return true }
        return plan.bytes.withUnsafeBytes {
            guard let start = $0.baseAddress else { return false }
            return memcmp(start + plan.key.lowerBound, other, key.count) == 0
        }
    }

    /// Keeps a plan that ``find(_:_:_:generation:)`` did not find, unless the rules have changed since it was made.
    mutating func insert(_ plan: SeriesPlan, generation: UInt64) {
        guard generation == self.generation, plan.cost <= maxBytes else { return }
        let key = plan.bytes[plan.key]
        let isKnown = key.withUnsafeBytes { find(plan.hash, $0, plan.attributes, generation: generation) != nil }
        if isKnown { return }
        while plans.count >= maxPlans || bytes > maxBytes - plan.cost { evict() }
        if (plans.count + 1) * 2 > slots.count { grow() }
        plans.append(plan)
        wasUsed.append(true)
        bytes += plan.cost
        place(plans.count - 1)
    }

    private mutating func removeAll(generation: UInt64) {
        self.generation = generation
        slots = Array(repeating: 0, count: 16)
        plans = []
        wasUsed = []
        hand = 0
        bytes = 0
    }

    private mutating func evict() {
        while true {
            if hand >= plans.count { hand = 0 }
            if !wasUsed[hand] { break }
            wasUsed[hand] = false
            hand += 1
        }
        evictions += 1
        remove(hand)
    }

    /// Removes a plan and moves the last one into its place.
    private mutating func remove(_ index: Int) {
        bytes -= plans[index].cost
        free(slotOf(index))
        let last = plans.count - 1
        if index != last {
            let slot = slotOf(last)
            plans[index] = plans[last]
            wasUsed[index] = wasUsed[last]
            slots[slot] = entry(index)
        }
        plans.removeLast()
        wasUsed.removeLast()
    }

    private func slotOf(_ index: Int) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: plans[index].hash) & mask
        while Self.index(slots[slot]) != index { slot = (slot + 1) & mask }
        return slot
    }

    /// Frees a slot and moves later ones of its run up, so that no run has a hole.
    private mutating func free(_ slot: Int) {
        let mask = slots.count - 1
        var hole = slot
        var next = (slot + 1) & mask
        while slots[next] != 0 {
            let home = Int(truncatingIfNeeded: plans[Self.index(slots[next])].hash) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for index in plans.indices { place(index) }
    }

    private mutating func place(_ index: Int) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: plans[index].hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = entry(index)
    }
}
