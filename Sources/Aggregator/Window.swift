import Aggregation
import Metrics

/// The figures of one window of a column: arrays with an element for each row.
///
/// A count of 0 marks a row without values; its other figures are then undefined, so that a window is made ready for
/// use again by clearing the counts alone.
///
/// The properties are read for every value, and no access to one of them overlaps another: methods only touch them in
/// single steps and call nothing out. So the checks for overlap at run time, a tenth of ingest, are off.
final class Window {
    @exclusivity(unchecked) var start: Int64 = 0
    @exclusivity(unchecked) private(set) var count: UnsafeMutablePointer<UInt32>
    @exclusivity(unchecked) private var sumInt: UnsafeMutablePointer<Int64>?
    @exclusivity(unchecked) private var minInt: UnsafeMutablePointer<Int64>?
    @exclusivity(unchecked) private var maxInt: UnsafeMutablePointer<Int64>?
    @exclusivity(unchecked) private var squaresInt: UnsafeMutablePointer<Int64>?
    @exclusivity(unchecked) private var sum: UnsafeMutablePointer<Double>?
    @exclusivity(unchecked) private var min: UnsafeMutablePointer<Double>?
    @exclusivity(unchecked) private var max: UnsafeMutablePointer<Double>?
    @exclusivity(unchecked) private var squares: UnsafeMutablePointer<Double>?
    @exclusivity(unchecked) private var last: UnsafeMutablePointer<Double>?
    @exclusivity(unchecked) private var lastAt: UnsafeMutablePointer<Int64>?
    @exclusivity(unchecked) private var sources: UnsafeMutablePointer<UInt64>?
    private let sourceWords: Int
    /// Timers: the quantiles of each row that has values.
    @exclusivity(unchecked) private var timers: [TimerQuantiles?] = []
    /// Rows whose metrics carried annotations, which are rare.
    @exclusivity(unchecked) private(set) var annotations: [UInt32: [UInt8]] = [:]

    init(_ column: Column, capacity: Int) {
        let shape = column.shape
        func array<T>(_ needed: Bool) -> UnsafeMutablePointer<T>? { needed ? .allocate(capacity: capacity) : nil }
        count = .allocate(capacity: capacity)
        count.initialize(repeating: 0, count: capacity)
        sourceWords = column.sourceWords
        let isCounter = column.metricType == .counter
        if isCounter {
            sumInt = array(shape.needsSum)
            minInt = array(shape.needsMin)
            maxInt = array(shape.needsMax)
            squaresInt = array(shape.needsSquares)
        } else {
            let isTimer = column.metricType == .timer
            sum = array(shape.needsSum)
            squares = array(shape.needsSquares)
            min = array(shape.needsMin && !isTimer)
            max = array(shape.needsMax && !isTimer)
            last = array(shape.needsLast)
            lastAt = array(shape.needsLast)
            if Self.hasQuantiles(column) { timers = Array(repeating: nil, count: capacity) }
        }
        if sourceWords > 0 {
            sources = .allocate(capacity: capacity * sourceWords)
            sources?.initialize(repeating: 0, count: capacity * sourceWords)
        }
    }

    deinit {
        count.deallocate()
        sumInt?.deallocate()
        minInt?.deallocate()
        maxInt?.deallocate()
        squaresInt?.deallocate()
        sum?.deallocate()
        min?.deallocate()
        max?.deallocate()
        squares?.deallocate()
        last?.deallocate()
        lastAt?.deallocate()
        sources?.deallocate()
    }

    static func hasQuantiles(_ column: Column) -> Bool {
        column.metricType == .timer
            && (!column.shape.quantiles.isEmpty || column.shape.needsMin || column.shape.needsMax)
    }

    static func bytesPerRow(_ column: Column) -> Int {
        let shape = column.shape
        let figures = [shape.needsSum, shape.needsMin, shape.needsMax, shape.needsSquares].filter { $0 }.count
        return 4 + figures * 8 + (shape.needsLast ? 16 : 0) + column.sourceWords * 8
            + (hasQuantiles(column) ? 8 : 0)
    }

    func grow(from old: Int, to new: Int) {
        func move<T>(_ array: inout UnsafeMutablePointer<T>?) { array = array.map { Column.move($0, old, new) } }
        count = Column.move(count, old, new)
        (count + old).initialize(repeating: 0, count: new - old)
        move(&sumInt)
        move(&minInt)
        move(&maxInt)
        move(&squaresInt)
        move(&sum)
        move(&min)
        move(&max)
        move(&squares)
        move(&last)
        move(&lastAt)
        if !timers.isEmpty { timers += Array(repeating: nil, count: new - old) }
        if let oldSources = sources {
            let grown = Column.move(oldSources, old * sourceWords, new * sourceWords)
            (grown + old * sourceWords).initialize(repeating: 0, count: (new - old) * sourceWords)
            sources = grown
        }
    }

    func clear(rows: Int) {
        count.update(repeating: 0, count: rows)
        sources?.update(repeating: 0, count: rows * sourceWords)
        if !annotations.isEmpty { annotations.removeAll() }
    }

    // MARK: Adding

    @inline(__always)
    func addCounter(_ row: Int, _ value: Int64) {
        let n = count[row]
        if n == 0 {
            sumInt?[row] = value
            minInt?[row] = value
            maxInt?[row] = value
            squaresInt?[row] = value &* value
        } else {
            if let sumInt { sumInt[row] &+= value }
            if let minInt, value < minInt[row] { minInt[row] = value }
            if let maxInt, value > maxInt[row] { maxInt[row] = value }
            if let squaresInt { squaresInt[row] &+= value &* value }
        }
        count[row] = n &+ 1
    }

    /// NaN counts and may be the last value, and is left out of all else.
    @inline(__always)
    func addGauge(_ row: Int, _ value: Double, at time: Int64) {
        let n = count[row]
        if n == 0 {
            sum?[row] = 0
            squares?[row] = 0
            min?[row] = .nan
            max?[row] = .nan
            last?[row] = value
            lastAt?[row] = time
        } else if let lastAt, time > lastAt[row] {
            // Of equal times the first value stays.
            lastAt[row] = time
            last?[row] = value
        }
        count[row] = n &+ 1
        if value.isNaN { return }
        if let sum { sum[row] += value }
        if let squares { squares[row] += value * value }
        if let min, min[row].isNaN || value < min[row] { min[row] = value }
        if let max, max[row].isNaN || value > max[row] { max[row] = value }
    }

    @inline(__always)
    func addTimer(_ row: Int, _ value: Double, pool: TimerPool) {
        let n = count[row]
        if n == 0 {
            sum?[row] = 0
            squares?[row] = 0
            if !timers.isEmpty { timers[row] = pool.take() }
        }
        count[row] = n &+ 1
        if let sum { sum[row] += value }
        if let squares { squares[row] += value * value }
        if !timers.isEmpty { timers[row]?.add(value) }
    }

    /// Marks a source of forwarded values; false when it had sent to this window before.
    func markSource(_ row: Int, _ source: Int) -> Bool {
        guard let sources else { return true }
        let word = row * sourceWords + source / 64
        let bit: UInt64 = 1 << UInt64(source % 64)
        guard sources[word] & bit == 0 else { return false }
        sources[word] |= bit
        return true
    }

    func annotate(_ row: Int, _ annotation: [UInt8]) { annotations[UInt32(row)] = annotation }

    // MARK: Reading

    func value(_ type: AggregationType, _ row: Int, _ column: Column) -> Double {
        let n = Int64(count[row])
        switch column.metricType {
        case .counter:
            return CounterState(
                sum: sumInt?[row] ?? 0, count: n, min: minInt?[row] ?? 0, max: maxInt?[row] ?? 0,
                sumSq: squaresInt?[row] ?? 0
            ).value(of: type)
        case .gauge:
            return GaugeState(
                last: last?[row] ?? .nan, lastAt: 0, sum: sum?[row] ?? 0, count: n, min: min?[row] ?? .nan,
                max: max?[row] ?? .nan, sumSq: squares?[row] ?? 0
            ).value(of: type)
        case .timer, .unknown:
            switch type {
            case .sum: return sum?[row] ?? 0
            case .count: return Double(n)
            case .sumSq: return squares?[row] ?? 0
            case .mean: return Mean.value(sum: sum?[row] ?? 0, count: n)
            case .stdev:
                return StandardDeviation.value(count: n, sumOfSquares: squares?[row] ?? 0, sum: sum?[row] ?? 0)
            case .min: return timer(row)?.min ?? 0
            case .max: return timer(row)?.max ?? 0
            default: return type.quantile.map { timer(row)?.quantile($0) ?? 0 } ?? 0
            }
        }
    }

    private func timer(_ row: Int) -> TimerQuantiles? { timers.isEmpty ? nil : timers[row] }

    /// Gives the quantiles of a published row back.
    func releaseTimer(_ row: Int, to pool: TimerPool) {
        guard !timers.isEmpty, let timer = timers[row] else { return }
        timers[row] = nil
        pool.give(timer)
    }
}

/// Quantile states of one shape that wait for their next window.
final class TimerPool {
    private let estimator: QuantileEstimator
    private let quantiles: [Double]
    private var idle: [TimerQuantiles] = []
    /// More idle ones than this are freed.
    private static let maxIdle = 4_096

    init(estimator: QuantileEstimator, quantiles: [Double]) {
        self.estimator = estimator
        self.quantiles = quantiles
    }

    func take() -> TimerQuantiles? {
        idle.popLast() ?? (try? TimerQuantiles(estimator: estimator, quantiles: quantiles))
    }

    func give(_ timer: TimerQuantiles) {
        guard idle.count < Self.maxIdle else { return }
        timer.reset(keepingCapacity: false)
        idle.append(timer)
    }
}

/// What transformations remember of each row: the input of the binary one at the window before, and running totals.
struct TransformationHistory {
    private let types: Int
    private let adds: Int
    /// Output times of the windows before, 0 for none.
    private var times: [Int64] = []
    private var values: [Double] = []
    private var totals: [Double] = []

    init(_ shape: ElementShape) {
        types = shape.hasBinary ? shape.types.count : 0
        adds = shape.addCount
    }

    var bytesPerRow: Int { 8 + 8 * (types + adds) }

    mutating func grow(to capacity: Int) {
        times += Array(repeating: 0, count: capacity - times.count)
        values += Array(repeating: .nan, count: capacity * types - values.count)
        totals += Array(repeating: 0, count: capacity * adds - totals.count)
    }

    mutating func clear(_ row: Int) {
        times[row] = 0
        for i in 0..<types { values[row * types + i] = .nan }
        for i in 0..<adds { totals[row * adds + i] = 0 }
    }

    func previous(_ row: Int, _ type: Int) -> Datapoint {
        times[row] == 0 ? .empty : Datapoint(timeNanos: times[row], value: values[row * types + type])
    }

    mutating func setPrevious(_ row: Int, _ type: Int, _ value: Double) { values[row * types + type] = value }

    /// Ends a window: its inputs are the next window's previous values.
    mutating func advance(_ row: Int, to time: Int64) { times[row] = time }

    mutating func add(_ row: Int, _ index: Int, _ value: Double) -> Double {
        Add.apply(value, accumulator: &totals[row * adds + index])
    }
}
