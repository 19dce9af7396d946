/// The values of one timer in one window, as far as its quantiles, min and max need them.
///
/// Owned by one worker; reused through ``reset()``. With ``QuantileEstimator/exactThenDDSketch(limit:)`` a quantile is
/// the value of nearest rank, sorted[ceil(q·n)] counted from 1 (up to three values the truncated index q·n counted
/// from 0), exact up to the limit and within 0.5 % beyond it. NaN takes no part: only NaNs give NaN, no values 0.
/// With ``QuantileEstimator/m3(eps:insertAndCompressEvery:)`` everything is as ``CMStream`` has it.
/// Source: `docs/aggregations.md`.
public final class TimerQuantiles {
    /// The quantiles that are going to be asked for, in the order of the element's types.
    public let quantiles: [Double]
    private let limit: Int
    private let stream: CMStream?
    /// Values kept as they are; reordered by reads.
    private var raw: [Double] = []
    private var least = Double.infinity
    private var greatest = -Double.infinity
    private var hasNaN = false
    private var isSketched = false
    private var sketch: DDSketch?
    /// One result per quantile, valid while `isRead`.
    private var results: [Double] = []
    private var isRead = false

    /// - Parameters:
    ///   - estimator: how to work them out.
    ///   - quantiles: those of the element's types in their order, as `AggregationType.quantiles(of:)` gives them.
    ///     Others may be asked for too, except of M3's stream.
    /// - Throws: ``QuantileEstimatorError`` for an estimator that is out of range.
    public init(estimator: QuantileEstimator, quantiles: [Double]) throws(QuantileEstimatorError) {
        try estimator.validate()
        self.quantiles = quantiles
        switch estimator {
        case .exactThenDDSketch(let limit):
            self.limit = limit
            stream = nil
        case .m3(let eps, let every):
            limit = 0
            stream = try CMStream(quantiles: quantiles, eps: eps, insertAndCompressEvery: every)
        }
    }

    public func add(_ value: Double) {
        if let stream {
            stream.add(value)
        } else if !isSketched && raw.count < limit {
            isRead = false
            keep(value)
        } else {
            withUnsafePointer(to: value) { sketch(UnsafeBufferPointer(start: $0, count: 1)) }
        }
    }

    /// Adds the values of one batch, in their order.
    public func add(contentsOf values: UnsafeBufferPointer<Double>) {
        if let stream {
            stream.addBatch(values)
        } else if !isSketched && values.count <= limit - raw.count {
            isRead = false
            for value in values { keep(value) }
        } else {
            sketch(values)
        }
    }

    public func add(contentsOf values: [Double]) {
        values.withUnsafeBufferPointer { add(contentsOf: $0) }
    }

    private func keep(_ value: Double) {
        if value.isNaN {
            hasNaN = true
            return
        }
        raw.append(value)
        if value < least { least = value }
        if value > greatest { greatest = value }
    }

    private func sketch(_ values: UnsafeBufferPointer<Double>) {
        isRead = false
        if !isSketched {
            isSketched = true
            var sketch = self.sketch ?? DDSketch()
            self.sketch = nil
            raw.withUnsafeBufferPointer { sketch.add(contentsOf: $0) }
            self.sketch = sketch
            raw.removeAll()
        }
        sketch?.add(contentsOf: values)
    }

    /// The least value; 0 when there is none, NaN when there were only NaNs.
    public var min: Double {
        if let stream { return stream.min }
        if isSketched, let sketch { return sketch.min }
        return raw.isEmpty ? emptyValue : least
    }

    /// The greatest value; 0 when there is none, NaN when there were only NaNs.
    public var max: Double {
        if let stream { return stream.max }
        if isSketched, let sketch { return sketch.max }
        return raw.isEmpty ? emptyValue : greatest
    }

    /// - Parameter quantile: in 0...1, else the result is NaN.
    /// - Returns: 0 when there is no value, NaN when there were only NaNs.
    public func quantile(_ quantile: Double) -> Double {
        if let stream { return stream.quantile(quantile) }
        guard quantile >= 0 && quantile <= 1 else { return .nan }
        if isSketched, let sketch { return sketch.quantile(quantile) }
        if raw.isEmpty { return emptyValue }
        if !isRead { readAll() }
        for (index, known) in quantiles.enumerated() where known == quantile { return results[index] }
        return select([NearestRank.index(of: quantile, count: raw.count)])[0]
    }

    private var emptyValue: Double { hasNaN ? .nan : 0 }

    private func readAll() {
        let indices = quantiles.map { NearestRank.index(of: $0, count: raw.count) }
        results = select(indices)
        isRead = true
    }

    /// The values of some ranks, in the order of the indices.
    private func select(_ indices: [Int]) -> [Double] {
        let ascending = indices.sorted()
        raw.withUnsafeMutableBufferPointer { Quickselect.select($0, ascending[...]) }
        return indices.map { raw[$0] }
    }

    /// The bytes that the values take at the moment, without the object itself.
    public var memoryBytes: Int {
        let doubles = raw.capacity + results.capacity
        return doubles * 8 + (sketch?.memoryBytes ?? 0) + (stream?.memoryBytes ?? 0)
    }

    /// Back to no values.
    /// - Parameter keepingCapacity: whether the memory stays for the next window.
    public func reset(keepingCapacity: Bool = true) {
        stream?.reset()
        if keepingCapacity { sketch?.reset() } else { sketch = nil }
        raw.removeAll(keepingCapacity: keepingCapacity)
        least = .infinity
        greatest = -.infinity
        hasNaN = false
        isSketched = false
        isRead = false
    }
}
