import NIOCore

/// How long a flush waits for room in the queues. Pure.
struct FlushPace: Equatable {
    /// A flush waits at most this long for room, and then goes on: the queues drop their oldest messages, and count them.
    static let longestWaitNanos: Int64 = 60_000_000_000
    /// It waits no longer than this for the next acknowledgement: nobody takes anything then.
    static let longestStallNanos: Int64 = 5_000_000_000
    /// When a flush that waits looks again.
    static let step: TimeAmount = .milliseconds(20)

    private var waitingSince: Int64?
    private var progressAt: Int64 = 0
    private var acked: UInt64 = 0

    var isWaiting: Bool { waitingSince != nil }

    /// Whether the next part may be published.
    /// - Parameters:
    ///   - acked: messages that consumers have taken so far.
    ///   - now: nanoseconds of a clock that doesn't run backwards by much.
    mutating func mayContinue(hasRoom: Bool, acked: UInt64, now: Int64) -> Bool {
        guard !hasRoom else {
            waitingSince = nil
            return true
        }
        guard let since = waitingSince else {
            waitingSince = now
            progressAt = now
            self.acked = acked
            return false
        }
        if acked != self.acked {
            self.acked = acked
            progressAt = now
        }
        return now - since >= Self.longestWaitNanos || now - progressAt >= Self.longestStallNanos
    }
}
