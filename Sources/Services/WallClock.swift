import Glibc

/// The clock of the shells; the cores below take the time as an argument.
enum WallClock {
    /// Nanoseconds since 1970.
    static func nowNanos() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Milliseconds since 1970.
    static func nowMs() -> Int64 { nowNanos() / 1_000_000 }
}

extension Duration {
    /// The whole duration in nanoseconds; durations of more than 292 years are cut there.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? .max : sum
    }
}
