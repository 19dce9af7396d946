import Glibc

/// Raw memory for records of different sizes that never move: chunks of 1 MiB, cut in units of 16 bytes.
///
/// A reference is the number of a record's first unit; 0 stands for none. Freed records wait in one list for each
/// size, and are cut down for smaller ones before a new chunk is taken, so that churn does not grow the arena.
final class SeriesArena {
    static let unitBytes = 16
    /// The most units that one record may take.
    static let greatestUnits = 4_160
    private static let chunkUnits = 65_536
    /// Room behind a chunk: lines behind the start of a short record may be read ahead of need.
    private static let overreadBytes = 256
    private static let greatestChunks = 65_536

    @exclusivity(unchecked) private var chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var chunkCapacity = 16
    private(set) var chunkCount = 0
    /// The units of the newest chunk that have been given out.
    private var used = SeriesArena.chunkUnits
    /// The first free record of each size; a free record's first 4 bytes hold the next.
    private var free: UnsafeMutablePointer<UInt32>
    private var freeSizes = [UInt64](repeating: 0, count: SeriesArena.greatestUnits / 64 + 1)

    init() {
        chunks = .allocate(capacity: chunkCapacity)
        free = .allocate(capacity: Self.greatestUnits + 1)
        free.initialize(repeating: 0, count: Self.greatestUnits + 1)
    }

    deinit {
        for i in 0..<chunkCount { Glibc.free(chunks[i]) }
        chunks.deallocate()
        free.deallocate()
    }

    var bytes: Int { chunkCount * Self.chunkUnits * Self.unitBytes }

    @inline(__always)
    func address(_ ref: UInt32) -> UnsafeMutableRawPointer {
        chunks[Int(ref >> 16)] + Int(ref & 0xffff) &* Self.unitBytes
    }

    static func units(bytes: Int) -> Int { (bytes + unitBytes - 1) / unitBytes }

    /// A record of so many units, not zeroed; nil when the arena is full or the memory is.
    /// - Parameter units: 1 to ``greatestUnits``.
    func allocate(units: Int) -> UInt32? {
        precondition(units > 0 && units <= Self.greatestUnits)
        if let ref = pop(units) { return ref }
        if used + units > Self.chunkUnits {
            if let ref = cutDown(to: units) { return ref }
            guard addChunk() else { return nil }
        }
        let ref = UInt32(chunkCount - 1) << 16 | UInt32(used)
        used += units
        return ref
    }

    func release(_ ref: UInt32, units: Int) {
        address(ref).storeBytes(of: free[units], as: UInt32.self)
        free[units] = ref
        freeSizes[units / 64] |= 1 << UInt64(units % 64)
    }

    private func pop(_ units: Int) -> UInt32? {
        let ref = free[units]
        guard ref != 0 else { return nil }
        free[units] = address(ref).load(as: UInt32.self)
        if free[units] == 0 { freeSizes[units / 64] &= ~(1 << UInt64(units % 64)) }
        return ref
    }

    private func cutDown(to units: Int) -> UInt32? {
        var word = (units + 1) / 64
        var bits = freeSizes[word] & (~0 << UInt64((units + 1) % 64))
        while bits == 0 {
            word += 1
            guard word < freeSizes.count else { return nil }
            bits = freeSizes[word]
        }
        let size = word * 64 + bits.trailingZeroBitCount
        guard let ref = pop(size) else { return nil }
        release(ref + UInt32(units), units: size - units)
        return ref
    }

    private func addChunk() -> Bool {
        guard chunkCount < Self.greatestChunks,
            let memory = malloc(Self.chunkUnits * Self.unitBytes + Self.overreadBytes)
        else { return false }
        var rest = chunkCount > 0 ? Self.chunkUnits - used : 0
        while rest > 0 {
            let units = min(rest, Self.greatestUnits)
            release(UInt32(chunkCount - 1) << 16 | UInt32(used), units: units)
            used += units
            rest -= units
        }
        if chunkCount == chunkCapacity {
            let larger = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: chunkCapacity * 2)
            larger.update(from: chunks, count: chunkCount)
            chunks.deallocate()
            chunks = larger
            chunkCapacity *= 2
        }
        chunks[chunkCount] = memory
        // Reference 0 means none, so the very first unit is never given out.
        used = chunkCount == 0 ? 1 : 0
        chunkCount += 1
        return true
    }
}
