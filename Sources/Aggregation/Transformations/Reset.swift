/// Gives a value as it is and a zero half a window later, so that a rate over the output sees each window start anew.
/// Source: `docs/aggregations.md`.
public enum Reset {
    /// The point that is published behind a window's own.
    /// - Parameters:
    ///   - timeNanos: the window's output timestamp.
    ///   - resolutionNanos: the zero comes half of it later, at least 1 ns.
    @inlinable public static func extraPoint(after timeNanos: Int64, resolutionNanos: Int64) -> Datapoint {
        Datapoint(timeNanos: timeNanos &+ Swift.max(resolutionNanos / 2, 1), value: 0)
    }
}
