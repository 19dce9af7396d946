/// The sum of squared values, kept only where ``AggregationType/sumSq`` or ``AggregationType/stdev`` was asked for.
/// Source: `docs/aggregations.md`.
public enum SumOfSquares {
    /// Counters wrap around at 64 bits, as in M3.
    @inlinable public static func update(_ sum: inout Int64, with value: Int64) { sum = sum &+ value &* value }

    @inlinable public static func update(_ sum: inout Double, with value: Double) { sum += value * value }
}
