import Metrics

/// The figures of one gauge in one window.
///
/// NaN counts and may be the last value, but takes no part in anything else. Source: `docs/aggregations.md`.
public struct GaugeState: Sendable {
    public var last: Double
    /// The time of ``last`` in nanoseconds since 1970, or ``Last/unsetTime``.
    public var lastAt: Int64
    public var sum: Double
    public var count: Int64
    public var min: Double
    public var max: Double
    /// Stays 0 unless values are added with `squares: true`.
    public var sumSq: Double

    @inlinable public init(
        last: Double = 0, lastAt: Int64 = Last.unsetTime, sum: Double = 0, count: Int64 = 0,
        min: Double = Minimum.emptyGauge, max: Double = Maximum.emptyGauge, sumSq: Double = 0
    ) {
        self.last = last
        self.lastAt = lastAt
        self.sum = sum
        self.count = count
        self.min = min
        self.max = max
        self.sumSq = sumSq
    }

    /// - Parameters:
    ///   - timeNanos: server time of an untimed metric, its own time of a timed or forwarded one.
    ///   - squares: whether the element reports the sum of squares or the standard deviation.
    @inlinable public mutating func add(_ value: Double, at timeNanos: Int64, squares: Bool) {
        Last.update(&last, at: &lastAt, with: value, at: timeNanos)
        count = count &+ 1
        if value.isNaN { return }
        Sum.update(&sum, with: value)
        Minimum.update(&min, with: value)
        Maximum.update(&max, with: value)
        if squares { SumOfSquares.update(&sumSq, with: value) }
    }

    /// Adds a corrected value in place of one that was added before: sum, count and sum of squares give the former
    /// one back; last, min and max do not, as in M3.
    /// - Parameter previous: NaN when there was none.
    @inlinable public mutating func replace(
        _ previous: Double, with value: Double, at timeNanos: Int64, squares: Bool
    ) {
        if !previous.isNaN {
            sum -= previous
            if squares { sumSq -= previous * previous }
        }
        count = count &- 1
        add(value, at: timeNanos, squares: squares)
    }

    /// The result of a reduction; 0 for those that no gauge has.
    @inlinable public func value(of type: AggregationType) -> Double {
        switch type {
        case .last: last
        case .sum: sum
        case .count: Double(count)
        case .min: min
        case .max: max
        case .sumSq: sumSq
        case .mean: Mean.value(sum: sum, count: count)
        case .stdev: StandardDeviation.value(count: count, sumOfSquares: sumSq, sum: sum)
        default: 0
        }
    }
}
