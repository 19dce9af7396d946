/// The mappings of a double's 64 bits to an integer of which neighbours lie close together.
///
/// Modes 0 to 6 hold value × 10^mode where that is an integer below 2^51 from which the very same bits come back;
/// mode 7 holds the bits themselves in the order of the numbers, so that every value, NaN payloads included, has a
/// form. Source: `docs/storage.md`, Chunks.
enum ScaledValue {
    static let rawMode: UInt8 = 7
    private static let highestScale = 6
    /// 2^51: as far as adding and taking away 1.5 × 2^52 rounds to an integer.
    private static let limit = 2_251_799_813_685_248.0
    private static let rounder = 6_755_399_441_055_744.0

    @inline(__always) static func power(_ mode: UInt8) -> Double {
        switch mode {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1_000
        case 4: 10_000
        case 5: 100_000
        default: 1_000_000
        }
    }

    /// The integer that stands for the bits in a mode, or nil when the mode can't hold them exactly.
    @inline(__always) static func map(_ bits: UInt64, mode: UInt8) -> Int64? {
        if mode == rawMode { return mapRaw(bits) }
        let power = power(mode)
        let product = Double(bitPattern: bits) * power
        guard product.magnitude < limit else { return nil }
        let scaled = (product + rounder) - rounder
        // Division is correctly rounded: a short decimal gives back the double nearest to it. -0 fails and is raw.
        return (scaled / power).bitPattern == bits ? Int64(scaled) : nil
    }

    @inline(__always) static func mapRaw(_ bits: UInt64) -> Int64 {
        let signed = Int64(bitPattern: bits)
        return signed < 0 ? signed ^ Int64.max : signed
    }

    @inline(__always) static func unmap(_ mapped: Int64, mode: UInt8) -> UInt64 {
        if mode == rawMode { return UInt64(bitPattern: mapped < 0 ? mapped ^ Int64.max : mapped) }
        return (Double(mapped) / power(mode)).bitPattern
    }

    /// The smallest scale that holds the bits exactly, or ``rawMode``.
    static func smallestScale(_ bits: UInt64) -> UInt8 {
        // What fits a smaller scale fits the highest one, unless it is too large for that: one test for most values.
        let value = Double(bitPattern: bits)
        if value.magnitude < limit / 1_000_000, map(bits, mode: UInt8(highestScale)) == nil { return rawMode }
        for mode in 0...UInt8(highestScale) where map(bits, mode: mode) != nil { return mode }
        return rawMode
    }
}
