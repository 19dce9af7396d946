import Metrics

/// The figures of one timer in one window, beside its quantiles (``TimerQuantiles``), which also hold min and max.
///
/// Source: `docs/aggregations.md`.
public struct TimerState: Sendable {
    public var sum: Double
    public var count: Int64
    /// Stays 0 unless values are added with `squares: true`.
    public var sumSq: Double

    @inlinable public init(sum: Double = 0, count: Int64 = 0, sumSq: Double = 0) {
        self.sum = sum
        self.count = count
        self.sumSq = sumSq
    }

    /// - Parameter squares: whether the element reports the sum of squares or the standard deviation.
    @inlinable public mutating func add(_ value: Double, squares: Bool) {
        count = count &+ 1
        Sum.update(&sum, with: value)
        if squares { SumOfSquares.update(&sumSq, with: value) }
    }

    /// The result of a reduction; 0 for Last, which no timer has.
    @inlinable public func value(of type: AggregationType, quantiles: TimerQuantiles) -> Double {
        switch type {
        case .sum: sum
        case .count: Double(count)
        case .min: quantiles.min
        case .max: quantiles.max
        case .sumSq: sumSq
        case .mean: Mean.value(sum: sum, count: count)
        case .stdev: StandardDeviation.value(count: count, sumOfSquares: sumSq, sum: sum)
        default: type.quantile.map(quantiles.quantile) ?? 0
        }
    }
}
