/// How far flushes of one resolution are spread, so that not all lists are published in the same instant.
///
/// Source: `docs/aggregator.md`, flush schedule.
public struct FlushJitter: Sendable, Hashable {
    /// The share of the flush interval that the jitter may take, for intervals up to a bound.
    public struct Step: Sendable, Hashable {
        public var flushIntervalNanos: Int64
        /// 0...1.
        public var maxShare: Double

        public init(flushIntervalNanos: Int64, maxShare: Double) {
            self.flushIntervalNanos = flushIntervalNanos
            self.maxShare = maxShare
        }
    }

    public var isEnabled: Bool
    public var steps: [Step]
    /// No jitter is longer than this.
    public var capNanos: Int64

    public init(isEnabled: Bool, steps: [Step], capNanos: Int64 = .max) {
        self.isEnabled = isEnabled
        self.steps = steps.sorted { $0.flushIntervalNanos < $1.flushIntervalNanos }
        self.capNanos = capNanos
    }

    /// Lists flush every resolution from the instant of their creation on, as M3 does without jitter.
    public static let off = FlushJitter(isEnabled: false, steps: [])

    /// Half the resolution, but never more than a cap.
    public static func upTo(_ capNanos: Int64) -> FlushJitter {
        FlushJitter(
            isEnabled: true, steps: [Step(flushIntervalNanos: .max, maxShare: 0.5)], capNanos: capNanos)
    }

    /// The jitter of a resolution lies in 0..<this; 0 when jitter is off. The first step that is long enough counts,
    /// the last one for still longer intervals.
    public func maxNanos(resolutionNanos: Int64) -> Int64 {
        guard isEnabled, let step = steps.first(where: { $0.flushIntervalNanos >= resolutionNanos }) ?? steps.last
        else { return 0 }
        let share = step.maxShare.isFinite ? min(max(step.maxShare, 0), 1) : 0
        let nanos = share * Double(resolutionNanos)
        return min(nanos >= 0x1p62 ? resolutionNanos : Int64(nanos), max(capNanos, 0))
    }
}
