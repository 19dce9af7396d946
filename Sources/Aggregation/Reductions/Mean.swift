/// The mean of the values of a window. Source: `docs/aggregations.md`.
public enum Mean {
    /// - Parameter count: for gauges NaN values are in it, though not in the sum, as in M3.
    /// - Returns: 0 for a window without values.
    @inlinable public static func value(sum: Double, count: Int64) -> Double {
        count == 0 ? 0 : sum / Double(count)
    }
}
