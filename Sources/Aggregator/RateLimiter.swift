/// Counts events against a limit per second, as M3 does: refused ones use the second's budget up, too.
struct RateLimiter {
    private static let secondNanos: Int64 = 1_000_000_000
    private var allowed: Int64 = 0
    private var second: Int64 = 0

    /// - Parameter limit: events per second; 0 and less is no limit.
    mutating func isAllowed(_ n: Int64, limit: Int64, now: Int64) -> Bool {
        if limit <= 0 { return true }
        allowed = allowed.addingSaturating(n)
        let aligned = now &- now % Self.secondNanos
        if aligned > second {
            second = aligned
            allowed = n
        }
        return allowed <= limit
    }
}
