/// The value with the latest time of a window, NaN included. Source: `docs/aggregations.md`.
public enum Last {
    /// The time of a window that holds no value yet.
    @inlinable public static var unsetTime: Int64 { .min }

    /// Of equal times the first value stays; an older one changes nothing.
    @inlinable public static func update(
        _ last: inout Double, at lastNanos: inout Int64, with value: Double, at timeNanos: Int64
    ) {
        if lastNanos == unsetTime || timeNanos > lastNanos {
            last = value
            lastNanos = timeNanos
        }
    }
}
