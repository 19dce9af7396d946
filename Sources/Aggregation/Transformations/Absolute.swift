/// The magnitude of a value; NaN stays NaN. Source: `docs/aggregations.md`.
public enum Absolute {
    @inlinable public static func apply(_ value: Double) -> Double { value.magnitude }
}
