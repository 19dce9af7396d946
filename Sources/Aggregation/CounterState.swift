import Metrics

/// The figures of one counter in one window: integers that wrap around at 64 bits, as in M3.
///
/// Source: `docs/aggregations.md`.
public struct CounterState: Sendable, Hashable {
    public var sum: Int64
    public var count: Int64
    public var min: Int64
    public var max: Int64
    /// Stays 0 unless values are added with `squares: true`.
    public var sumSq: Int64

    @inlinable public init(
        sum: Int64 = 0, count: Int64 = 0, min: Int64 = Minimum.emptyCounter, max: Int64 = Maximum.emptyCounter,
        sumSq: Int64 = 0
    ) {
        self.sum = sum
        self.count = count
        self.min = min
        self.max = max
        self.sumSq = sumSq
    }

    /// - Parameter squares: whether the element reports the sum of squares or the standard deviation.
    @inlinable public mutating func add(_ value: Int64, squares: Bool) {
        Sum.update(&sum, with: value)
        count = count &+ 1
        Minimum.update(&min, with: value)
        Maximum.update(&max, with: value)
        if squares { SumOfSquares.update(&sumSq, with: value) }
    }

    /// The result of a reduction; 0 for those that no counter has.
    @inlinable public func value(of type: AggregationType) -> Double {
        switch type {
        case .sum: Double(sum)
        case .count: Double(count)
        case .min: Double(min)
        case .max: Double(max)
        case .sumSq: Double(sumSq)
        case .mean: Mean.value(sum: Double(sum), count: count)
        case .stdev: StandardDeviation.value(count: count, sumOfSquares: Double(sumSq), sum: Double(sum))
        default: 0
        }
    }

    /// The integer of a value that arrives as a float (timed and forwarded counters): towards zero; NaN and what does
    /// not fit 64 bits give -2^63, as M3 has it on amd64.
    @inlinable public static func truncate(_ value: Double) -> Int64 {
        value >= -0x1p63 && value < 0x1p63 ? Int64(value) : .min
    }
}
