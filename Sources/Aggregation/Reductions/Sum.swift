/// The sum of the values of a window. Source: `docs/aggregations.md`.
public enum Sum {
    /// Counters wrap around at 64 bits, as in M3.
    @inlinable public static func update(_ sum: inout Int64, with value: Int64) { sum = sum &+ value }

    /// Gauges and timers add in order of arrival, each addition rounded. NaN: a gauge's caller leaves it out, a
    /// timer's sum becomes NaN.
    @inlinable public static func update(_ sum: inout Double, with value: Double) { sum += value }
}
