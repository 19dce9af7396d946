/// The rate of change since the window before, however long ago that was. Source: `docs/aggregations.md`.
public enum PerSecond {
    /// - Parameter previous: ``Datapoint/empty`` when there is none.
    /// - Returns: ``Datapoint/empty`` where either value is NaN, the value fell, or time did not advance.
    @inlinable public static func apply(previous: Datapoint, current: Datapoint) -> Datapoint {
        guard previous.timeNanos < current.timeNanos else { return .empty }
        let difference = current.value - previous.value
        // Also refuses NaN on either side.
        guard difference >= 0 else { return .empty }
        // As floats where the integers would leave 64 bits: times come from outside.
        let (exact, overflow) = current.timeNanos.subtractingReportingOverflow(previous.timeNanos)
        let elapsed = overflow ? Double(current.timeNanos) - Double(previous.timeNanos) : Double(exact)
        return Datapoint(timeNanos: current.timeNanos, value: difference * 1e9 / elapsed)
    }
}
