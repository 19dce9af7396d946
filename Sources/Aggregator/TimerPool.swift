import Aggregation

/// The quantile states of the timers of one shape in open windows; those of published windows are used again.
///
/// Rows name a state by its number plus 1.
final class TimerPool {
    private let estimator: QuantileEstimator
    private let quantiles: [Double]
    @exclusivity(unchecked) private var states: [TimerQuantiles?] = []
    @exclusivity(unchecked) private var free: [UInt32] = []
    /// Idle states that keep their memory; the others give it back.
    private static let maxWarm = 1_024

    init(estimator: QuantileEstimator, quantiles: [Double]) {
        self.estimator = estimator
        self.quantiles = quantiles
    }

    /// The state of a row, taken from the pool when it has none.
    @inline(__always)
    func state(_ word: inout UInt64) -> TimerQuantiles? {
        if word == 0 { word = take() }
        return word == 0 ? nil : states[Int(word) - 1]
    }

    func peek(_ word: UInt64) -> TimerQuantiles? { word == 0 ? nil : states[Int(word) - 1] }

    private func take() -> UInt64 {
        if let number = free.popLast() {
            if states[Int(number)] == nil { states[Int(number)] = make() }
            return UInt64(number) + 1
        }
        // The options are validated before a worker is made; an estimator that is not gives quantiles of 0.
        guard let state = make() else { return 0 }
        states.append(state)
        return UInt64(states.count)
    }

    private func make() -> TimerQuantiles? { try? TimerQuantiles(estimator: estimator, quantiles: quantiles) }

    func release(_ word: UInt64) {
        guard word != 0 else { return }
        if free.count < Self.maxWarm {
            states[Int(word) - 1]?.reset()
        } else {
            states[Int(word) - 1] = nil
        }
        free.append(UInt32(word - 1))
    }
}
