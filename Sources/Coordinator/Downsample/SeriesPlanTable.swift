import Metrics
import Synchronization

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
    /// Of the plans, in one array, so that growing looks at no plan.
    private var hashes: [UInt64] = []
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

    /// The plan of a series; nil under other rules than the table's. Several threads may ask at a time.
    @inline(__always)
    func find(
        _ hash: UInt64, _ key: UnsafeRawBufferPointer, _ attributes: SeriesAttributes, generation: UInt64
    ) -> SeriesPlan? {
        guard generation == self.generation else { return nil }
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == Self.tag(hash) {
                let index = Self.index(slots[slot])
                let plan = plans[index]
                if plan.hash == hash, Self.isFor(plan, key, attributes) {
                    if !plan.wasUsed.load(ordering: .relaxed) { plan.wasUsed.store(true, ordering: .relaxed) }
                    return plan
                }
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    /// Has the memory of plans fetched that are asked for next: the waits for several of them overlap, which they do not
    /// when each plan is found and used before the next is asked for.
    /// - Returns: a number without meaning, which keeps the loads from being left out.
    @inline(never)
    func fetch(_ hashes: UnsafeBufferPointer<UInt64>) -> UInt64 {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: hashes.count) { entries in
            let mask = slots.count &- 1
            for (position, hash) in hashes.enumerated() {
                entries[position] = slots[Int(truncatingIfNeeded: hash) & mask]
            }
            var sum: UInt64 = 0
            for position in hashes.indices where entries[position] != 0 {
                sum &+= plans[Self.index(entries[position])].hash
            }
            return sum
        }
    }

    /// Forgets the plans of older rules than these.
    mutating func follow(generation: UInt64) {
        if generation > self.generation { removeAll(generation: generation) }
    }

    /// Bits that the slot is mostly not chosen by.
    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt64 { (hash >> 26) & 0xffff_ffff }

    @inline(__always)
    private static func index(_ entry: UInt64) -> Int { Int(entry & 0xffff_ffff) &- 1 }

    private func entry(_ index: Int) -> UInt64 { Self.tag(hashes[index]) << 32 | UInt64(index + 1) }

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
        follow(generation: generation)
        guard generation == self.generation, plan.cost <= maxBytes else { return }
        let isKnown = plan.bytes.withUnsafeBytes {
            find(plan.hash, UnsafeRawBufferPointer(rebasing: $0[plan.key]), plan.attributes, generation: generation)
                != nil
        }
        if isKnown { return }
        while plans.count >= maxPlans || bytes > maxBytes - plan.cost { evict() }
        if (plans.count + 1) * 2 > slots.count { grow() }
        plans.append(plan)
        hashes.append(plan.hash)
        bytes += plan.cost
        place(plans.count - 1)
    }

    private mutating func removeAll(generation: UInt64) {
        self.generation = generation
        slots = Array(repeating: 0, count: 16)
        plans = []
        hashes = []
        hand = 0
        bytes = 0
    }

    private mutating func evict() {
        while true {
            if hand >= plans.count { hand = 0 }
            if !plans[hand].wasUsed.load(ordering: .relaxed) { break }
            plans[hand].wasUsed.store(false, ordering: .relaxed)
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
            hashes[index] = hashes[last]
            slots[slot] = entry(index)
        }
        plans.removeLast()
        hashes.removeLast()
    }

    private func slotOf(_ index: Int) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hashes[index]) & mask
        while Self.index(slots[slot]) != index { slot = (slot + 1) & mask }
        return slot
    }

    /// Frees a slot and moves later ones of its run up, so that no run has a hole.
    private mutating func free(_ slot: Int) {
        let mask = slots.count - 1
        var hole = slot
        var next = (slot + 1) & mask
        while slots[next] != 0 {
            let home = Int(truncatingIfNeeded: hashes[Self.index(slots[next])]) & mask
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
        var slot = Int(truncatingIfNeeded: hashes[index]) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = entry(index)
    }
}
