/// Where windows begin.
///
/// M3 aligns windows to the year 1, not to 1970: the two differ for resolutions that do not divide a day,
/// such as 7 s or a week (weeks begin on Monday). Source: `docs/windows.md`.
public enum WindowAlignment {
    /// Seconds from 0001-01-01T00:00:00Z to 1970-01-01T00:00:00Z.
    @usableFromInline static let secondsFromYearOneTo1970: Int64 = 62_135_596_800

    /// The offset that alignment to the year 1 adds for a resolution: constant per resolution, so callers on the
    /// hot path keep it.
    /// - Parameter resolutionNanos: more than 0.
    @inlinable public static func phase(resolutionNanos: Int64) -> Int64 {
        // The span from the year 1 to 1970 does not fit 64 bits in nanoseconds.
        Int64(Int128(secondsFromYearOneTo1970) * 1_000_000_000 % Int128(resolutionNanos))
    }

    /// The start of the window that holds a time: the largest aligned instant that is not after it.
    /// - Parameters:
    ///   - timeNanos: nanoseconds since 1970.
    ///   - resolutionNanos: more than 0; a caller checks what comes from outside.
    @inlinable public static func start(of timeNanos: Int64, resolutionNanos: Int64) -> Int64 {
        start(
            of: timeNanos, resolutionNanos: resolutionNanos,
            phase: phase(resolutionNanos: resolutionNanos))
    }

    /// As ``start(of:resolutionNanos:)`` with the phase of the resolution at hand. Within one window of the smallest
    /// Int64 the result wraps around; the lateness check of a caller comes first.
    @inlinable public static func start(of timeNanos: Int64, resolutionNanos: Int64, phase: Int64)
        -> Int64
    {
        var offset = timeNanos % resolutionNanos
        if offset < 0 { offset &+= resolutionNanos }
        // (offset + phase) mod resolution, without leaving 64 bits for resolutions of centuries.
        let room = resolutionNanos &- phase
        offset = offset >= room ? offset &- room : offset &+ phase
        return timeNanos &- offset
    }
}
