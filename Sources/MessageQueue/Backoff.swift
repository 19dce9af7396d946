import NIOCore

/// Waits that grow by a factor, with M3's jitter: half of the wait is fixed, the other half random.
public struct Backoff: Sendable, Equatable {
    private var delays: [Int64]
    private var jitter: Bool
    private var maxNanos: Int64

    /// - Parameters:
    ///   - initial: wait after the first attempt.
    ///   - factor: growth per attempt; below 1 counts as 1.
    ///   - max: upper bound of a wait; nil is none.
    ///   - jitter: draw the second half of each wait at random.
    public init(initial: TimeAmount, factor: Double, max: TimeAmount?, jitter: Bool) {
        self.jitter = jitter
        let limit = Swift.max(0, max?.nanoseconds ?? Self.century)
        maxNanos = limit
        var delay = Double(Swift.max(0, initial.nanoseconds))
        delays = []
        for _ in 0..<Self.attempts {
            delays.append(delay < Double(Self.century) ? Int64(delay) : Self.century)
            delay *= Swift.max(1, factor)
        }
    }

    /// Waits one after another, without jitter; the last one is repeated.
    public init(fixed pauses: [TimeAmount]) {
        jitter = false
        maxNanos = Self.century
        let nanos = pauses.prefix(Self.attempts).map { min(Swift.max(0, $0.nanoseconds), Self.century) }
        delays = nanos + Array(repeating: nanos.last ?? 0, count: Self.attempts - nanos.count)
    }

    private static let attempts = 48
    private static let century: Int64 = 3_155_760_000_000_000_000

    /// Nanoseconds to wait after attempt number `attempt` (from 1). `random` is any number, uniform for good jitter.
    func nanoseconds(afterAttempt attempt: Int, random: UInt64) -> Int64 {
        let base = delays[min(max(attempt, 1), Self.attempts) - 1]
        guard jitter else { return min(base, maxNanos) }
        let half = base / 2
        guard half > 0 else { return min(base, maxNanos) }
        let part = Int64(random.multipliedFullWidth(by: UInt64(half)).high)
        return min(half + part, maxNanos)
    }
}

/// A small generator with a seed, for jitter and epochs.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
