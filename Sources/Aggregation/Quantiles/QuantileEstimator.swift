/// How the quantiles of timers are worked out. Source: `docs/aggregations.md`.
public enum QuantileEstimator: Sendable, Hashable {
    /// Exact up to so many values of a window, then a ``DDSketch``.
    case exactThenDDSketch(limit: Int)
    /// M3's stream of samples, bit by bit: the rank is off by up to `eps` times the number of values.
    case m3(eps: Double, insertAndCompressEvery: Int)

    /// The default: 8 KiB of values at most, no less than a sketch of values that spread over two decades takes.
    public static let standard = QuantileEstimator.exactThenDDSketch(limit: 1_024)
    /// M3's own defaults.
    public static let m3Default = QuantileEstimator.m3(eps: 1e-3, insertAndCompressEvery: 1_024)

    /// The most values of a window that may be kept as they are.
    public static let maxExactValues = 1_048_576
    /// The most values that M3's stream may hold back before it compresses.
    public static let maxInsertAndCompressEvery = 1_048_576

    /// Checks figures from a configuration.
    /// - Throws: ``QuantileEstimatorError`` naming the figure that is out of range.
    public func validate() throws(QuantileEstimatorError) {
        switch self {
        case .exactThenDDSketch(let limit):
            guard (1...Self.maxExactValues).contains(limit) else { throw .invalidExactLimit(limit) }
        case .m3(let eps, let every):
            guard eps > 0 && eps < 0.5 else { throw .invalidEps(eps) }
            guard (1...Self.maxInsertAndCompressEvery).contains(every) else {
                throw .invalidInsertAndCompressEvery(every)
            }
        }
    }
}

/// A figure of a ``QuantileEstimator`` that is out of range.
public enum QuantileEstimatorError: Error, Equatable, Sendable, CustomStringConvertible {
    case invalidExactLimit(Int)
    case invalidEps(Double)
    case invalidInsertAndCompressEvery(Int)

    public var description: String {
        switch self {
        case .invalidExactLimit(let limit):
            "exact limit is \(limit): it must lie in 1...\(QuantileEstimator.maxExactValues)"
        case .invalidEps(let eps):
            "eps is \(eps): it must be more than 0 and less than 0.5"
        case .invalidInsertAndCompressEvery(let every):
            "insertAndCompressEvery is \(every): it must lie in 1...\(QuantileEstimator.maxInsertAndCompressEvery)"
        }
    }
}
