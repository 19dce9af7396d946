/// A sketch of a distribution whose quantiles are within a relative error of the exact ones, whatever the values.
///
/// After Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees"
/// (VLDB 2019), with a cubic mapping. Negative values have buckets of their own; zero, subnormal numbers (taken for
/// zero) and both infinities are counted apart; min and max are exact. NaN is counted by ``nanCount`` and takes no
/// part in quantiles. At most 4,096 buckets per sign: where values spread over more than that, a factor of 5 · 10^17
/// at 0.5 %, the values nearest to zero share the last bucket and lose the guarantee. Source: `docs/aggregations.md`.
public struct DDSketch: Sendable, Equatable {
    public static let standardRelativeError = 0.005

    let mapping: CubicMapping
    var positive = BucketStore()
    var negative = BucketStore()
    var zeroCount: UInt64 = 0
    var positiveInfinityCount: UInt64 = 0
    var negativeInfinityCount: UInt64 = 0
    /// How many NaNs were added.
    public internal(set) var nanCount: UInt64 = 0
    /// How many values other than NaN were added.
    public internal(set) var count: UInt64 = 0
    var least = Double.infinity
    var greatest = -Double.infinity

    /// - Parameter relativeError: held to 0.0001...0.5.
    public init(relativeError: Double = DDSketch.standardRelativeError) {
        mapping = CubicMapping(relativeError: Swift.min(Swift.max(relativeError, 0.0001), 0.5))
    }

    /// The largest relative error of a quantile.
    public var relativeError: Double { mapping.relativeError }

    /// Whether no value other than NaN was added.
    public var isEmpty: Bool { count == 0 }

    public mutating func add(_ value: Double) {
        if value.isNaN {
            nanCount &+= 1
            return
        }
        count &+= 1
        least = Swift.min(least, value)
        greatest = Swift.max(greatest, value)
        let magnitude = value.magnitude
        if magnitude < .leastNormalMagnitude {
            zeroCount &+= 1
        } else if magnitude == .infinity {
            if value > 0 { positiveInfinityCount &+= 1 } else { negativeInfinityCount &+= 1 }
        } else if value > 0 {
            positive.add(mapping.index(of: value))
        } else {
            negative.add(mapping.index(of: magnitude))
        }
    }

    public mutating func add(contentsOf values: UnsafeBufferPointer<Double>) {
        var next = 0
        while next < values.count {
            let added = positive.addRun(values, from: next, mapping, &least, &greatest)
            count &+= UInt64(added)
            next += added
            if next < values.count {
                add(values[next])
                next += 1
            }
        }
    }

    public mutating func add(contentsOf values: [Double]) {
        values.withUnsafeBufferPointer { add(contentsOf: $0) }
    }

    /// Adds what another sketch holds. Parts merged in any order equal the sketch of the whole.
    /// - Throws: ``DDSketchError/differentRelativeErrors(_:_:)``; nothing is merged then.
    public mutating func merge(_ other: DDSketch) throws(DDSketchError) {
        guard mapping == other.mapping else {
            throw .differentRelativeErrors(mapping.relativeError, other.mapping.relativeError)
        }
        positive.merge(other.positive)
        negative.merge(other.negative)
        zeroCount &+= other.zeroCount
        positiveInfinityCount &+= other.positiveInfinityCount
        negativeInfinityCount &+= other.negativeInfinityCount
        nanCount &+= other.nanCount
        count &+= other.count
        least = Swift.min(least, other.least)
        greatest = Swift.max(greatest, other.greatest)
    }

    /// The least value: exact; 0 when there is none, NaN when there were only NaNs.
    public var min: Double { isEmpty ? emptyValue : least }

    /// The greatest value: exact; 0 when there is none, NaN when there were only NaNs.
    public var max: Double { isEmpty ? emptyValue : greatest }

    /// The value of nearest rank, within ``relativeError`` of the exact one.
    /// - Parameter quantile: in 0...1, else the result is NaN. 0 and 1 give ``min`` and ``max``.
    /// - Returns: 0 when there is no value, NaN when there were only NaNs.
    public func quantile(_ quantile: Double) -> Double {
        guard quantile >= 0 && quantile <= 1 else { return .nan }
        if isEmpty { return emptyValue }
        if quantile == 0 { return least }
        if quantile == 1 { return greatest }
        let rank = UInt64(NearestRank.index(of: quantile, count: Int(clamping: count)))
        return Swift.min(Swift.max(estimate(rank: rank), least), greatest)
    }

    /// - Parameter rank: counted from 0, less than ``count``.
    private func estimate(rank: UInt64) -> Double {
        var rest = rank
        if rest < negativeInfinityCount { return -.infinity }
        rest -= negativeInfinityCount
        var found: Double?
        // The most negative values have the highest buckets.
        negative.forEachDescending({ index, count in
            if rest < count {
                found = -mapping.value(of: index)
                return false
            }
            rest -= count
            return true
        })
        if let found { return found }
        if rest < zeroCount { return 0 }
        rest -= zeroCount
        positive.forEachAscending({ index, count in
            if rest < count {
                found = mapping.value(of: index)
                return false
            }
            rest -= count
            return true
        })
        return found ?? .infinity
    }

    private var emptyValue: Double { nanCount == 0 ? 0 : .nan }

    /// The bytes that the buckets take.
    public var memoryBytes: Int { (positive.counts.capacity + negative.counts.capacity) * 8 }

    /// Back to no values; the memory is kept.
    public mutating func reset() {
        positive.reset()
        negative.reset()
        zeroCount = 0
        positiveInfinityCount = 0
        negativeInfinityCount = 0
        nanCount = 0
        count = 0
        least = .infinity
        greatest = -.infinity
    }
}

/// Why two sketches cannot be merged or bytes are no sketch.
public enum DDSketchError: Error, Equatable, Sendable, CustomStringConvertible {
    case differentRelativeErrors(Double, Double)
    case malformed(String)

    public var description: String {
        switch self {
        case .differentRelativeErrors(let a, let b):
            "sketches of relative errors \(a) and \(b) cannot be merged: both must have the same"
        case .malformed(let reason):
            "malformed sketch: \(reason)"
        }
    }
}
