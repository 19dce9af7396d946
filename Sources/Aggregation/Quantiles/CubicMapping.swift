/// Maps magnitudes to buckets whose bounds are at most a factor γ apart, with a cubic in place of a logarithm.
///
/// Between powers of two the mantissa goes through `((6/35 s − 3/5) s + 10/7) s`, the cubic closest to log2 that keeps
/// the bucket count within 1 % of the logarithm's. Its slope against the natural logarithm is never below 10/7, so a
/// multiplier of 7/(10 ln γ) keeps every bucket within γ = (1 + α)/(1 − α) and every estimate within α.
/// Source: `docs/aggregations.md`.
struct CubicMapping: Sendable, Equatable {
    static let a = 6.0 / 35
    static let b = -3.0 / 5
    static let c = 10.0 / 7

    /// α: the largest relative error of an estimate.
    let relativeError: Double
    let multiplier: Double

    /// - Parameter relativeError: more than 0, less than 1.
    init(relativeError: Double) {
        self.relativeError = relativeError
        multiplier = 7 / (10 * Self.naturalLog((1 + relativeError) / (1 - relativeError)))
    }

    /// The bucket of a magnitude.
    /// - Parameter magnitude: a normal number, more than 0 and finite.
    @inline(__always) func index(of magnitude: Double) -> Int {
        let bits = magnitude.bitPattern
        let exponent = Double(Int64(truncatingIfNeeded: bits >> 52) &- 1_023)
        let s = Double(bitPattern: bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000) - 1
        let position = (((Self.a * s + Self.b) * s + Self.c) * s + exponent) * multiplier
        // Positions stay within 1,024 times the multiplier, far inside 32 bits.
        let truncated = Int(position)
        return position < Double(truncated) ? truncated &- 1 : truncated
    }

    /// The estimate for all magnitudes of a bucket: within α of both its bounds.
    func value(of index: Int) -> Double {
        let lower = lowerBound(of: index)
        let upper = lowerBound(of: index + 1)
        return lower * (2 / (1 + lower / upper))
    }

    func lowerBound(of index: Int) -> Double {
        let position = Double(index) / multiplier
        let exponent = position.rounded(.down)
        return Self.scale(1 + Self.mantissa(at: position - exponent), by: Int(exponent))
    }

    /// The s in 0..<1 whose cubic is `target`: Newton's method, which the cubic's slope (0.74 to 1.43) makes converge.
    private static func mantissa(at target: Double) -> Double {
        var s = target
        for _ in 0..<8 {
            let error = ((a * s + b) * s + c) * s - target
            s -= error / ((3 * a * s + 2 * b) * s + c)
        }
        return s
    }

    /// value · 2^exponent, by halves so that neither half leaves the range of exponents.
    private static func scale(_ value: Double, by exponent: Int) -> Double {
        let half = exponent / 2
        return value * Double(sign: .plus, exponent: half, significand: 1)
            * Double(sign: .plus, exponent: exponent - half, significand: 1)
    }

    /// ln x for x slightly above 1: 2 artanh((x − 1)/(x + 1)), summed until nothing is added.
    private static func naturalLog(_ x: Double) -> Double {
        let y = (x - 1) / (x + 1)
        var power = y
        var sum = 0.0
        var divisor = 1.0
        while true {
            let next = sum + power / divisor
            if next == sum { return 2 * sum }
            sum = next
            power *= y * y
            divisor += 2
        }
    }
}
