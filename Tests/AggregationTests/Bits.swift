import Foundation
import TestKit

/// Whether a result is bit for bit the expected one. NaNs are equal: which bits an invalid operation gives depends on
/// the processor.
func isSame(_ result: Double, _ expected: Double) -> Bool {
    result.isNaN && expected.isNaN || result.bitPattern == expected.bitPattern
}

/// The value of a `[value, bits]` pair of the vectors, from its bits.
func double(bits pair: Any?) -> Double? {
    guard let pair = pair as? [Any], pair.count == 2, let hex = pair[1] as? String else { return nil }
    return UInt64(hex, radix: 16).map(Double.init(bitPattern:))
}

/// Values that are the same in every run.
struct LinearCongruential {
    var state: UInt32

    mutating func next() -> UInt32 {
        state = (state &* 1_103_515_245 &+ 12_345) & 0x7fff_ffff
        return state
    }

    /// Even over 0..<1, never 0.
    mutating func unit() -> Double { (Double(next()) + 0.5) / 0x1p31 }
}
