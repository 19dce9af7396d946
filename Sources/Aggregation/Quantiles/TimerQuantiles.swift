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
    private let stream: CMStream?
    // One worker calls and nothing is called back from within: checking each access would double the cost of an add.
    @exclusivity(unchecked) private var kept: KeptValues

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
            kept = KeptValues(limit: limit)
            stream = nil
        case .m3(let eps, let every):
            kept = KeptValues(limit: 1)
            stream = try CMStream(quantiles: quantiles, eps: eps, insertAndCompressEvery: every)
        }
    }

    public func add(_ value: Double) {
        if let stream { stream.add(value) } else { kept.add(value) }
    }

    /// Adds the values of one batch, in their order.
    public func add(contentsOf values: UnsafeBufferPointer<Double>) {
        if let stream { stream.addBatch(values) } else { kept.add(contentsOf: values) }
    }

    public func add(contentsOf values: [Double]) {
        values.withUnsafeBufferPointer { add(contentsOf: $0) }
    }

    /// Adds what a sketch holds, as a rollup gets it from the timers that it sums up. M3's stream takes none: false then.
    /// - Throws: ``DDSketchError/differentRelativeErrors(_:_:)``; nothing has changed then.
    public func merge(_ sketch: DDSketch) throws(DDSketchError) -> Bool {
        guard stream == nil else { return false }
        try kept.merge(sketch)
        return true
    }

    /// Adds all values to a sketch; M3's stream has none to add.
    /// - Throws: ``DDSketchError/differentRelativeErrors(_:_:)``
    public func merge(into sketch: inout DDSketch) throws(DDSketchError) {
        if stream == nil { try kept.merge(into: &sketch) }
    }

    /// The least value; 0 when there is none, NaN when there were only NaNs.
    public var min: Double { stream?.min ?? kept.min }

    /// The greatest value; 0 when there is none, NaN when there were only NaNs.
    public var max: Double { stream?.max ?? kept.max }

    /// - Parameter quantile: in 0...1, else the result is NaN.
    /// - Returns: 0 when there is no value, NaN when there were only NaNs.
    public func quantile(_ quantile: Double) -> Double {
        stream?.quantile(quantile) ?? kept.quantile(quantile, among: quantiles)
    }

    /// The bytes that the values take at the moment, without the object itself.
    public var memoryBytes: Int { stream?.memoryBytes ?? kept.memoryBytes }

    /// Back to no values.
    /// - Parameter keepingCapacity: whether the memory stays for the next window.
    public func reset(keepingCapacity: Bool = true) {
        if let stream {
            stream.reset(keepingCapacity: keepingCapacity)
        } else {
            kept.reset(keepingCapacity: keepingCapacity)
        }
    }
}
