/// The growth since the window before, however long ago that was. Source: `docs/aggregations.md`.
public enum Increase {
    /// - Parameter previous: ``Datapoint/empty`` when there is none; a missing or NaN value counts as 0, so that the
    ///   first window gives its full value, as in M3.
    /// - Returns: ``Datapoint/empty`` where the value is NaN or fell, or time did not advance.
    @inlinable public static func apply(previous: Datapoint, current: Datapoint) -> Datapoint {
        guard previous.timeNanos < current.timeNanos else { return .empty }
        let difference = current.value - (previous.value.isNaN ? 0 : previous.value)
        // Also refuses a NaN.
        guard difference >= 0 else { return .empty }
        return Datapoint(timeNanos: current.timeNanos, value: difference)
    }
}
