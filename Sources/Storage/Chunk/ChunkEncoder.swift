/// The state of one chunk that is being written: samples in ascending order of time become a stream of bits.
///
/// Per sample: `0` the expected time and a difference of values that fits the current window; `10` the expected time
/// and the same value; `11` a time code and a value code. The expected time is the previous one plus the previous
/// step. Values are differences of mapped integers (``ScaledValue``), folded to unsigned, without their common
/// trailing zeros, in a window that follows the last differences. Source: `docs/storage.md`, Chunks.
struct ChunkEncoder {
    /// Milliseconds since the start of the block.
    private(set) var lastOffset: UInt32 = 0
    private var lastStep: Int32 = 0
    private var lastMapped: Int64 = 0
    private(set) var count: UInt32 = 0
    /// Words already in slabs.
    private(set) var wordCount: UInt32 = 0
    private(set) var head = WordSlabs.none
    private var tail = WordSlabs.none
    /// The bits that do not fill a word yet, in the low bits.
    private var pending: UInt32 = 0
    private var pendingBits: UInt8 = 0
    private var mode = ScaledValue.rawMode
    /// Differences are stored as bits `shift ..< shift + width`.
    private var shift: UInt8 = 0
    private var width: UInt8 = 0
    /// What the differences since the last look at the window would have needed.
    private var neededShift: UInt8 = 64
    private var neededTop: UInt8 = 0
    private var neededCount: UInt8 = 0
    /// Values in raw mode one after the other that an integer mode could hold.
    private var scalableCount: UInt8 = 0

    /// After so many differences a window that is wider than they needed is narrowed.
    private static let narrowingInterval: UInt8 = 8
    private static let narrowingGain = 3
    private static let scalableRun: UInt8 = 3

    init() {}

    /// Whether the last sample has these bits as its value.
    func lastValueEquals(_ bits: UInt64) -> Bool { ScaledValue.unmap(lastMapped, mode: mode) == bits }

    /// - Parameter offset: milliseconds since the start of the block, more than the last one and below 2^31.
    mutating func append(offset: UInt32, bits: UInt64, slabs: WordSlabs) {
        let step = Int32(truncatingIfNeeded: Int64(offset) &- Int64(lastOffset))
        let change = Int64(step) &- Int64(lastStep)
        let isFirst = count == 0
        count &+= 1
        lastOffset = offset
        lastStep = isFirst ? 0 : step
        if isFirst {
            put(UInt64(offset), 32, slabs)
            switchMode(to: ScaledValue.smallestScale(bits), bits, slabs)
            return
        }
        if let scale = scaleToSwitchTo(bits) {
            put(0b11, 2, slabs)
            putTime(change, slabs)
            put(0b111, 3, slabs)
            switchMode(to: scale, bits, slabs)
            return
        }
        let mapped = ScaledValue.map(bits, mode: mode) ?? lastMapped
        let difference = Self.fold(mapped &- lastMapped)
        lastMapped = mapped
        if difference == 0 {
            put(0b10 | (change == 0 ? 0 : 1), 2, slabs)
            if change != 0 {
                putTime(change, slabs)
                put(0b10, 2, slabs)
            }
            return
        }
        let top = UInt8(truncatingIfNeeded: 64 &- difference.leadingZeroBitCount)
        let low = UInt8(truncatingIfNeeded: difference.trailingZeroBitCount)
        if updateWindow(top: top, low: low) {
            put(0b11, 2, slabs)
            putTime(change, slabs)
            put(0b110, 3, slabs)
            putWindow(slabs)
        } else if change == 0 {
            put(0, 1, slabs)
        } else {
            put(0b11, 2, slabs)
            putTime(change, slabs)
            put(0, 1, slabs)
        }
        put(difference &>> UInt64(shift), width, slabs)
    }

    /// The mode to go to before this value, or nil when it goes on in the current one.
    private mutating func scaleToSwitchTo(_ bits: UInt64) -> UInt8? {
        if mode != ScaledValue.rawMode {
            return ScaledValue.map(bits, mode: mode) == nil ? ScaledValue.smallestScale(bits) : nil
        }
        let scale = ScaledValue.smallestScale(bits)
        scalableCount = scale == ScaledValue.rawMode ? 0 : scalableCount &+ 1
        return scalableCount >= Self.scalableRun ? scale : nil
    }

    /// Writes mode, window and the value itself rather than a difference.
    private mutating func switchMode(to scale: UInt8, _ bits: UInt64, _ slabs: WordSlabs) {
        mode = scale
        scalableCount = 0
        // The caller has asked for a scale that holds the bits.
        lastMapped = ScaledValue.map(bits, mode: scale) ?? 0
        let folded = Self.fold(lastMapped)
        shift = folded == 0 ? 0 : UInt8(truncatingIfNeeded: folded.trailingZeroBitCount)
        width = folded == 0 ? 1 : UInt8(truncatingIfNeeded: 64 &- folded.leadingZeroBitCount) &- shift
        put(UInt64(mode), 3, slabs)
        putWindow(slabs)
        put(folded &>> UInt64(shift), width, slabs)
        // The window of a whole value says nothing about differences: the first one makes its own.
        width = 0
        shift = 0
        forgetNeeds()
    }

    /// Widens the window for a difference it can't hold, or narrows it after a run that did not use it.
    private mutating func updateWindow(top: UInt8, low: UInt8) -> Bool {
        if width == 0 {
            shift = low
            width = top &- low
            forgetNeeds()
            return true
        }
        let currentTop = shift &+ width
        if low < shift || top > currentTop {
            shift = min(shift, low)
            width = max(currentTop, top) &- shift
            forgetNeeds()
            return true
        }
        neededShift = min(neededShift, low)
        neededTop = max(neededTop, top)
        neededCount &+= 1
        guard neededCount >= Self.narrowingInterval else { return false }
        let needed = neededTop &- neededShift
        let isWorth = Int(width) &- Int(needed) >= Self.narrowingGain
        if isWorth {
            shift = neededShift
            width = needed
        }
        forgetNeeds()
        return isWorth
    }

    private mutating func forgetNeeds() {
        neededShift = 64
        neededTop = 0
        neededCount = 0
    }

    private mutating func putWindow(_ slabs: WordSlabs) {
        put(UInt64(width &- 1) << 6 | UInt64(shift), 12, slabs)
    }

    private mutating func putTime(_ change: Int64, _ slabs: WordSlabs) {
        switch change {
        case 0: put(0, 1, slabs)
        case -64..<64: put(0b10 << 7 | UInt64(bitPattern: change) & 0x7F, 9, slabs)
        case -2_048..<2_048: put(0b110 << 12 | UInt64(bitPattern: change) & 0xFFF, 15, slabs)
        case -524_288..<524_288: put(0b1110 << 20 | UInt64(bitPattern: change) & 0xF_FFFF, 24, slabs)
        default: put(0b1111 << 34 | UInt64(bitPattern: change) & 0x3_FFFF_FFFF, 38, slabs)
        }
    }

    @inline(__always) private static func fold(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
    }

    @inline(__always) private mutating func put(_ value: UInt64, _ bits: UInt8, _ slabs: WordSlabs) {
        if bits > 32 {
            putWord(UInt32(truncatingIfNeeded: value &>> 32), bits &- 32, slabs)
            putWord(UInt32(truncatingIfNeeded: value), 32, slabs)
        } else {
            putWord(UInt32(truncatingIfNeeded: value), bits, slabs)
        }
    }

    @inline(__always) private mutating func putWord(_ value: UInt32, _ bits: UInt8, _ slabs: WordSlabs) {
        let total = pendingBits &+ bits
        let combined = UInt64(pending) << UInt64(bits) | UInt64(value)
        if total >= 32 {
            let rest = total &- 32
            slabs.append(
                UInt32(truncatingIfNeeded: combined &>> UInt64(rest)), count: Int(wordCount), head: &head, tail: &tail)
            wordCount &+= 1
            pending = UInt32(truncatingIfNeeded: combined & ((1 << UInt64(rest)) &- 1))
            pendingBits = rest
        } else {
            pending = UInt32(truncatingIfNeeded: combined)
            pendingBits = total
        }
    }

    /// Appends the stream so far to some bytes; the last byte is filled with zeros.
    func copyStream(from slabs: WordSlabs, to bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count &+ Int(wordCount) &* 4 &+ 4)
        slabs.copy(head: head, count: Int(wordCount), to: &bytes)
        var rest = UInt32(truncatingIfNeeded: UInt64(pending) << UInt64(32 &- pendingBits))
        var remaining = Int(pendingBits)
        while remaining > 0 {
            bytes.append(UInt8(truncatingIfNeeded: rest >> 24))
            rest <<= 8
            remaining &-= 8
        }
    }
}
