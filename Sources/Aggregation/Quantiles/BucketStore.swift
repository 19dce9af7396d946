/// Counts per bucket, in one array that covers the buckets between the lowest and the highest in use.
///
/// At most ``maxBuckets``: when values spread further, the lowest buckets are folded into the lowest one that is kept.
/// What is kept depends on the highest bucket alone, so the order of values and merges makes no difference.
struct BucketStore: Sendable {
    /// 4,096 buckets at 0.5 % span a factor of 5 · 10^17.
    static let maxBuckets = 4_096
    private static let growth = 64

    private(set) var counts: [UInt64] = []
    /// The bucket that the first count belongs to.
    private(set) var offset = 0
    /// The highest bucket in use; meaningless while there are no counts.
    private(set) var highest = Int.min

    var isEmpty: Bool { highest == .min }

    /// Adds to a bucket.
    @inline(__always) mutating func add(_ index: Int, count: UInt64 = 1) {
        let slot = index &- offset
        if slot >= 0 && slot < counts.count && index <= highest {
            counts[slot] = counts[slot] &+ count
        } else {
            addOutside(index, count: count)
        }
    }

    private mutating func addOutside(_ index: Int, count: UInt64) {
        if isEmpty || index > highest { makeRoom(above: index) }
        let kept = Swift.max(index, highest - Self.maxBuckets + 1)
        if kept < offset { makeRoom(below: kept) }
        counts[kept - offset] &+= count
    }

    /// Makes `index` the highest bucket, folding what falls out below.
    private mutating func makeRoom(above index: Int) {
        if isEmpty {
            if counts.isEmpty { counts = [UInt64](repeating: 0, count: Self.growth) }
            offset = index - counts.count / 2
            highest = index
            return
        }
        highest = index
        let lowestKept = index - Self.maxBuckets + 1
        if lowestKept > offset {
            let leaving = Swift.min(lowestKept - offset, counts.count)
            var folded: UInt64 = 0
            for slot in 0..<leaving { folded &+= counts[slot] }
            counts.removeFirst(leaving)
            offset = lowestKept
            if counts.isEmpty { counts.append(0) }
            counts[0] &+= folded
        }
        let needed = index - offset + 1
        if needed > counts.count {
            let room = Swift.min(needed + Self.growth, Self.maxBuckets)
            counts.append(contentsOf: repeatElement(0, count: Swift.max(needed, room) - counts.count))
        }
    }

    private mutating func makeRoom(below index: Int) {
        let lowestAllowed = highest - Self.maxBuckets + 1
        let newOffset = Swift.max(index - Self.growth, lowestAllowed)
        // The array may reach above the highest bucket in use: that room is given up when the limit needs it.
        let used = highest - offset + 1
        var grown = [UInt64](repeating: 0, count: offset - newOffset)
        grown.append(contentsOf: counts.prefix(used))
        counts = grown
        offset = newOffset
    }

    /// Adds all counts of another store.
    mutating func merge(_ other: BucketStore) {
        if other.isEmpty { return }
        // The highest bucket first: it settles which buckets are kept.
        other.forEachDescending({ index, count in
            add(index, count: count)
            return true
        })
    }

    /// Hands out the buckets in use from the highest, until `body` returns false.
    func forEachDescending(_ body: (_ index: Int, _ count: UInt64) -> Bool) {
        if isEmpty { return }
        var slot = highest - offset
        while slot >= 0 {
            if counts[slot] > 0, !body(offset + slot, counts[slot]) { return }
            slot -= 1
        }
    }

    /// Hands out the buckets in use from the lowest, until `body` returns false.
    func forEachAscending(_ body: (_ index: Int, _ count: UInt64) -> Bool) {
        if isEmpty { return }
        for slot in 0...(highest - offset) where counts[slot] > 0 {
            if !body(offset + slot, counts[slot]) { return }
        }
    }

    /// Back to no counts; the memory is kept.
    mutating func reset() {
        if isEmpty { return }
        for slot in counts.indices { counts[slot] = 0 }
        highest = .min
    }

    /// Adds magnitudes as long as they lie in buckets that are at hand: the fast path of a batch.
    /// - Returns: how many were added; the next one is no normal number above 0 or needs another bucket.
    mutating func addRun(
        _ values: UnsafeBufferPointer<Double>, from start: Int, _ mapping: CubicMapping,
        _ least: inout Double, _ greatest: inout Double
    ) -> Int {
        if isEmpty { return 0 }
        let offset = offset
        let slots = highest &- offset &+ 1
        var low = least
        var high = greatest
        var next = start
        counts.withUnsafeMutableBufferPointer { counts in
            while next < values.count {
                let value = values[next]
                guard value >= Double.leastNormalMagnitude, value <= Double.greatestFiniteMagnitude else { break }
                let slot = mapping.index(of: value) &- offset
                guard slot >= 0, slot < slots else { break }
                counts[slot] &+= 1
                if value < low { low = value }
                if value > high { high = value }
                next &+= 1
            }
        }
        least = low
        greatest = high
        return next &- start
    }
}

extension BucketStore: Equatable {
    /// Equal when the same buckets hold the same counts, whatever the arrays around them.
    static func == (a: BucketStore, b: BucketStore) -> Bool {
        if a.isEmpty || b.isEmpty { return a.isEmpty && b.isEmpty }
        guard a.highest == b.highest else { return false }
        let lowest = Swift.min(a.offset, b.offset)
        for index in lowest...a.highest where a.count(at: index) != b.count(at: index) { return false }
        return true
    }

    private func count(at index: Int) -> UInt64 {
        let slot = index - offset
        return slot >= 0 && slot < counts.count ? counts[slot] : 0
    }
}
