/// The sample standard deviation of the values of a window. Source: `docs/aggregations.md`.
public enum StandardDeviation {
    /// M3's formula, each operation rounded on its own.
    /// - Returns: 0 for less than two values. NaN where rounding makes the variance negative, as it does for nearly
    ///   equal large values, and wherever the sum of squares was not kept.
    @inlinable public static func value(count: Int64, sumOfSquares: Double, sum: Double) -> Double {
        let divisor = count &* (count &- 1)
        if divisor == 0 { return 0 }
        let numerator = Double(count) * sumOfSquares - sum * sum
        return (numerator / Double(divisor)).squareRoot()
    }
}
