import Aggregation
import Metrics

/// The figures of one element in one window, as words of memory.
struct Row {
    let words: Words
    let layout: RowLayout

    @inline(__always) init(_ words: Words, _ layout: RowLayout) {
        self.words = words
        self.layout = layout
    }

    @inline(__always) var count: UInt64 { words[0] & RowHead.countMask }

    /// Whether so many values more can still be counted.
    @inline(__always) func hasRoom(for n: Int) -> Bool { count &+ UInt64(n) <= RowHead.countMask }

    @inline(__always) private func integer(_ lane: UInt8) -> Int64 { Int64(bitPattern: words[Int(lane)]) }
    @inline(__always) private func double(_ lane: UInt8) -> Double { Double(bitPattern: words[Int(lane)]) }
    @inline(__always) private func set(_ lane: UInt8, _ value: Int64) { words[Int(lane)] = UInt64(bitPattern: value) }
    @inline(__always) private func set(_ lane: UInt8, _ value: Double) { words[Int(lane)] = value.bitPattern }

    // MARK: Adding

    @inline(__always)
    func addCounter(_ value: Int64) {
        let head = words[0]
        words[0] = head &+ 1
        if layout.sum != 0 { set(layout.sum, integer(layout.sum) &+ value) }
        if layout.sumSq != 0 { set(layout.sumSq, integer(layout.sumSq) &+ value &* value) }
        let isFirst = head & RowHead.presenceMask == 0
        if layout.min != 0, isFirst || value < integer(layout.min) { set(layout.min, value) }
        if layout.max != 0, isFirst || value > integer(layout.max) { set(layout.max, value) }
    }

    /// NaN counts and may be the last value, and is left out of all else. Of equal times the first value stays last.
    @inline(__always)
    func addGauge(_ value: Double, at time: Int64) {
        let head = words[0]
        words[0] = head &+ 1
        let isFirst = head & RowHead.presenceMask == 0
        if layout.last != 0, isFirst || time > integer(layout.lastAt) {
            set(layout.last, value)
            set(layout.lastAt, time)
        }
        if isFirst {
            if layout.min != 0 { set(layout.min, Minimum.emptyGauge) }
            if layout.max != 0 { set(layout.max, Maximum.emptyGauge) }
        }
        if value.isNaN { return }
        if layout.sum != 0 { set(layout.sum, double(layout.sum) + value) }
        if layout.sumSq != 0 { set(layout.sumSq, double(layout.sumSq) + value * value) }
        if layout.min != 0 {
            let least = double(layout.min)
            if least.isNaN || value < least { set(layout.min, value) }
        }
        if layout.max != 0 {
            let greatest = double(layout.max)
            if greatest.isNaN || value > greatest { set(layout.max, value) }
        }
    }

    /// Adds a value of a timer to all but its quantiles.
    @inline(__always)
    func addTimer(_ value: Double) {
        words[0] = words[0] &+ 1
        if layout.sum != 0 { set(layout.sum, double(layout.sum) + value) }
        if layout.sumSq != 0 { set(layout.sumSq, double(layout.sumSq) + value * value) }
    }

    /// Makes the window of a row that may stay without values.
    func makePresent(_ metricType: MetricType) {
        guard words[0] & RowHead.presenceMask == 0 else { return }
        words[0] |= RowHead.presentBit
        switch metricType {
        case .counter:
            if layout.min != 0 { set(layout.min, Minimum.emptyCounter) }
            if layout.max != 0 { set(layout.max, Maximum.emptyCounter) }
        case .gauge:
            if layout.min != 0 { set(layout.min, Minimum.emptyGauge) }
            if layout.max != 0 { set(layout.max, Maximum.emptyGauge) }
            if layout.lastAt != 0 { set(layout.lastAt, Last.unsetTime) }
        case .timer, .unknown: break
        }
    }

    /// Puts a corrected value of a gauge in place of one that was added before: sums give the former one back; last,
    /// min and max do not, as in M3. The count stays, even where the former value never arrived.
    func replaceGauge(_ previous: Double, with value: Double, at time: Int64) {
        makePresent(.gauge)
        if !previous.isNaN {
            if layout.sum != 0 { set(layout.sum, double(layout.sum) - previous) }
            if layout.sumSq != 0 { set(layout.sumSq, double(layout.sumSq) - previous * previous) }
        }
        addGauge(value, at: time)
        words[0] &-= 1
    }

    /// Notes whether the last write asked for the window to be published again when it changes.
    @inline(__always)
    func setResend(_ isResent: Bool) {
        words[0] = isResent ? words[0] | RowHead.resendBit : words[0] & ~RowHead.resendBit
    }

    @inline(__always)
    func setAnnotation(_ annotation: UInt32) { words[0] = RowHead.setting(annotation: annotation, in: words[0]) }

    // MARK: Reading

    /// - Parameter quantiles: those of a timer that has any.
    func value(of type: AggregationType, metricType: MetricType, quantiles: TimerQuantiles?) -> Double {
        let n = Int64(count)
        switch metricType {
        case .counter:
            if type == .sum { return Double(integer(layout.sum)) }
            return CounterState(
                sum: integerOrZero(layout.sum), count: n, min: integerOrZero(layout.min),
                max: integerOrZero(layout.max), sumSq: integerOrZero(layout.sumSq)
            ).value(of: type)
        case .gauge:
            if type == .last { return double(layout.last) }
            return GaugeState(
                sum: doubleOrZero(layout.sum), count: n, min: doubleOrZero(layout.min),
                max: doubleOrZero(layout.max), sumSq: doubleOrZero(layout.sumSq)
            ).value(of: type)
        case .timer, .unknown:
            switch type {
            case .min: return quantiles?.min ?? 0
            case .max: return quantiles?.max ?? 0
            case .sum: return doubleOrZero(layout.sum)
            case .sumSq: return doubleOrZero(layout.sumSq)
            case .count: return Double(n)
            case .mean: return Mean.value(sum: doubleOrZero(layout.sum), count: n)
            case .stdev:
                return StandardDeviation.value(
                    count: n, sumOfSquares: doubleOrZero(layout.sumSq), sum: doubleOrZero(layout.sum))
            default: return type.quantile.map { quantiles?.quantile($0) ?? 0 } ?? 0
            }
        }
    }

    private func integerOrZero(_ lane: UInt8) -> Int64 { lane == 0 ? 0 : integer(lane) }
    private func doubleOrZero(_ lane: UInt8) -> Double { lane == 0 ? 0 : double(lane) }
}
