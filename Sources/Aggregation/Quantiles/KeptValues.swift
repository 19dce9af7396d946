/// Values as they are up to a number, in a ``DDSketch`` beyond it. NaN takes no part. Source: `docs/aggregations.md`.
struct KeptValues {
    /// Up to so many values a read sorts them: cheaper than selecting.
    private static let sortedCount = 48

    private let limit: Int
    /// Values kept as they are, without NaN; reordered by reads.
    private var raw: [Double] = []
    private var least = Double.infinity
    private var greatest = -Double.infinity
    private var hasNaN = false
    /// Whether the values are in the sketch rather than in ``raw``.
    private var isSketched = false
    private var sketch: SketchBox?
    /// One result per quantile of the element, valid while `isRead`.
    private var results: [Double] = []
    private var isRead = false

    /// Keeps the sketch, which few windows need, out of the space of all others.
    private final class SketchBox {
        // As in ``TimerQuantiles``, its only user.
        @exclusivity(unchecked) var sketch = DDSketch()
    }

    /// - Parameter limit: at least 1.
    init(limit: Int) { self.limit = limit }

    mutating func add(_ value: Double) {
        isRead = false
        if !isSketched && raw.count < limit {
            keep(value)
        } else if isSketched, let sketch {
            sketch.sketch.add(value)
        } else {
            withUnsafePointer(to: value) { toSketch(UnsafeBufferPointer(start: $0, count: 1)) }
        }
    }

    mutating func add(contentsOf values: UnsafeBufferPointer<Double>) {
        isRead = false
        if !isSketched && values.count <= limit - raw.count {
            for value in values { keep(value) }
        } else {
            toSketch(values)
        }
    }

    /// Adds what a sketch holds; what was kept as it is goes into a sketch, too.
    /// - Throws: ``DDSketchError/differentRelativeErrors(_:_:)``; nothing has changed then.
    mutating func merge(_ other: DDSketch) throws(DDSketchError) {
        isRead = false
        var merged = DDSketch()
        try merged.merge(other)
        toSketch(UnsafeBufferPointer(start: nil, count: 0))
        try sketch?.sketch.merge(merged)
    }

    /// Adds everything to a sketch.
    func merge(into other: inout DDSketch) throws(DDSketchError) {
        if isSketched, let sketch { return try other.merge(sketch.sketch) }
        other.add(contentsOf: raw)
        if hasNaN { other.add(.nan) }
    }

    @inline(__always) private mutating func keep(_ value: Double) {
        if value.isNaN {
            hasNaN = true
            return
        }
        raw.append(value)
        if value < least { least = value }
        if value > greatest { greatest = value }
    }

    private mutating func toSketch(_ values: UnsafeBufferPointer<Double>) {
        let box = sketch ?? SketchBox()
        sketch = box
        if !isSketched {
            isSketched = true
            raw.withUnsafeBufferPointer { box.sketch.add(contentsOf: $0) }
            if hasNaN { box.sketch.add(.nan) }
            raw = []
        }
        box.sketch.add(contentsOf: values)
    }

    var min: Double {
        if isSketched, let sketch { return sketch.sketch.min }
        return raw.isEmpty ? emptyValue : least
    }

    var max: Double {
        if isSketched, let sketch { return sketch.sketch.max }
        return raw.isEmpty ? emptyValue : greatest
    }

    /// - Parameter known: the quantiles that are worked out together; others are selected one by one.
    mutating func quantile(_ quantile: Double, among known: [Double]) -> Double {
        guard quantile >= 0 && quantile <= 1 else { return .nan }
        if isSketched, let sketch { return sketch.sketch.quantile(quantile) }
        if raw.isEmpty { return emptyValue }
        if !isRead { readAll(known) }
        for index in known.indices where known[index] == quantile { return results[index] }
        let index = NearestRank.index(of: quantile, count: raw.count)
        if raw.count > Self.sortedCount { select([quantile]) }
        return raw[index]
    }

    private var emptyValue: Double { hasNaN ? .nan : 0 }

    private mutating func readAll(_ quantiles: [Double]) {
        isRead = true
        if raw.count <= Self.sortedCount {
            raw.withUnsafeMutableBufferPointer { RadixSort.insertionSort($0) }
        } else {
            select(quantiles)
        }
        results.removeAll(keepingCapacity: true)
        for quantile in quantiles { results.append(raw[NearestRank.index(of: quantile, count: raw.count)]) }
    }

    /// Puts the values of some quantiles where sorting would put them.
    private mutating func select(_ quantiles: [Double]) {
        let count = raw.count
        raw.withUnsafeMutableBufferPointer { raw in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: quantiles.count) { ranks in
                for (slot, quantile) in quantiles.enumerated() {
                    let rank = NearestRank.index(of: quantile, count: count)
                    var place = slot
                    while place > 0 && ranks[place - 1] > rank {
                        ranks[place] = ranks[place - 1]
                        place -= 1
                    }
                    ranks[place] = rank
                }
                Quickselect.select(raw, ranks[...])
            }
        }
    }

    var memoryBytes: Int { (raw.capacity + results.capacity) * 8 + (sketch?.sketch.memoryBytes ?? 0) }

    mutating func reset(keepingCapacity: Bool) {
        if keepingCapacity { sketch?.sketch.reset() } else { sketch = nil }
        raw.removeAll(keepingCapacity: keepingCapacity)
        least = .infinity
        greatest = -.infinity
        hasNaN = false
        isSketched = false
        isRead = false
    }
}
