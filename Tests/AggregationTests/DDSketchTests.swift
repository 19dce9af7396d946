import Foundation
import Testing

@testable import Aggregation

@Suite struct DDSketchTests {
    static let quantiles = [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999]
    /// Rounding of the estimate itself.
    static let slack = 1e-12

    private func distributions(_ n: Int) -> [String: [Double]] {
        var generator = LinearCongruential(state: 42)
        func draw(_ value: (inout LinearCongruential) -> Double) -> [Double] { (0..<n).map { _ in value(&generator) } }
        return [
            "uniform": draw { $0.unit() },
            "exponential": draw { -log($0.unit()) },
            "pareto": draw { pow($0.unit(), -1.5) },
            "lognormal": draw { g in exp(2 * sqrt(-2 * log(g.unit())) * cos(2 * .pi * g.unit())) },
            "normal": draw { g in sqrt(-2 * log(g.unit())) * cos(2 * .pi * g.unit()) },
            "negative": draw { -1_000 * $0.unit() },
            "integers": draw { Double($0.next() % 1_000) },
            "powers of two": draw { exp2(Double($0.next() % 40)) },
            "constant": draw { _ in 7.25 },
        ]
    }

    @Test func everyQuantileIsWithinHalfAPercent() throws {
        for (name, values) in distributions(20_000) {
            var sketch = DDSketch()
            sketch.add(contentsOf: values)
            let sorted = values.sorted()
            for quantile in Self.quantiles {
                let exact = sorted[Int((quantile * Double(values.count)).rounded(.up)) - 1]
                let found = sketch.quantile(quantile)
                #expect(
                    abs(found - exact) <= (0.005 + Self.slack) * abs(exact), "\(name) \(quantile): \(found), \(exact)")
            }
            #expect(sketch.quantile(0) == sorted.first && sketch.min == sorted.first)
            #expect(sketch.quantile(1) == sorted.last && sketch.max == sorted.last)
            #expect(sketch.count == UInt64(values.count))
        }
    }

    @Test func aSingleMagnitudeIsWithinTheErrorOverTheWholeRange() {
        let mapping = CubicMapping(relativeError: 0.005)
        var generator = LinearCongruential(state: 5)
        for exponent in -1_022...1_023 {
            for _ in 0..<20 {
                let value = Double(sign: .plus, exponent: exponent, significand: 1 + generator.unit())
                guard value.isFinite else { continue }
                let index = mapping.index(of: value)
                let found = mapping.value(of: index)
                #expect(abs(found - value) <= (0.005 + Self.slack) * value, "\(value)")
                #expect(mapping.lowerBound(of: index) <= value * (1 + Self.slack))
                #expect(mapping.lowerBound(of: index + 1) >= value * (1 - Self.slack))
            }
        }
    }

    @Test func partsMergedInAnyOrderEqualTheWhole() throws {
        for (name, values) in distributions(3_000) {
            var whole = DDSketch()
            whole.add(contentsOf: values + [.nan, .infinity, -.infinity, 0, 5e-324])
            var parts = stride(from: 0, to: values.count, by: 700).map { start in
                var part = DDSketch()
                for value in values[start..<Swift.min(start + 700, values.count)] { part.add(value) }
                return part
            }
            var extremes = DDSketch()
            extremes.add(contentsOf: [.nan, .infinity, -.infinity, 0, 5e-324])
            parts.append(extremes)
            parts.append(DDSketch())
            parts.shuffle()
            var merged = DDSketch()
            for part in parts { try merged.merge(part) }
            #expect(merged == whole, "\(name)")
            #expect(merged.encoded() == whole.encoded(), "\(name)")
        }
    }

    @Test func theLowestBucketsFoldWhenValuesSpreadTooFar() throws {
        var generator = LinearCongruential(state: 8)
        let values = (0..<4_000).map { _ in pow(10, 60 * generator.unit() - 30) }
        var whole = DDSketch()
        whole.add(contentsOf: values)
        #expect(whole.memoryBytes <= 2 * BucketStore.maxBuckets * 8)
        let sorted = values.sorted()
        // Seventeen of sixty decades keep their buckets: the upper quarter at least.
        for quantile in [0.75, 0.9, 0.99] {
            let exact = sorted[Int((quantile * 4_000).rounded(.up)) - 1]
            #expect(abs(whole.quantile(quantile) - exact) <= (0.005 + Self.slack) * exact)
        }
        for order in [sorted, sorted.reversed(), values.shuffled()] {
            var other = DDSketch()
            for value in order { other.add(value) }
            #expect(other == whole)
        }
        var halves = [DDSketch(), DDSketch()]
        for (index, value) in values.enumerated() { halves[index % 2].add(value) }
        try halves[0].merge(halves[1])
        #expect(halves[0] == whole)
    }

    @Test func signsZerosAndInfinitiesKeepTheirOrder() {
        var sketch = DDSketch()
        sketch.add(contentsOf: [-.infinity, -100, -1, 0, -0.0, 5e-324, 1, 100, .infinity, .nan])
        #expect(sketch.count == 9 && sketch.nanCount == 1)
        let found = (1...9).map { sketch.quantile((Double($0) - 0.5) / 9) }
        let exactValues: [Double] = [-.infinity, -100, -1, 0, 0, 0, 1, 100, .infinity]
        for (value, exact) in zip(found, exactValues) {
            #expect(value == exact || abs(value - exact) <= 0.0051 * abs(exact))
        }
    }

    @Test func emptyAndOnlyNaN() {
        var sketch = DDSketch()
        #expect(sketch.quantile(0.5) == 0 && sketch.min == 0 && sketch.max == 0)
        sketch.add(.nan)
        #expect(sketch.quantile(0.5).isNaN && sketch.min.isNaN && sketch.max.isNaN)
        #expect(sketch.isEmpty)
        sketch.reset()
        #expect(sketch == DDSketch())
    }

    @Test func aResetSketchIsFresh() {
        for (_, values) in distributions(500) {
            var reused = DDSketch()
            reused.add(contentsOf: [1e-200, -1e200, 3, 0])
            reused.reset()
            reused.add(contentsOf: values)
            var fresh = DDSketch()
            fresh.add(contentsOf: values)
            #expect(reused == fresh)
        }
    }

    @Test func sketchesOfOtherErrorsAreNotMerged() {
        var a = DDSketch(relativeError: 0.01)
        a.add(1)
        #expect(throws: DDSketchError.differentRelativeErrors(0.005, 0.01)) {
            var b = DDSketch()
            try b.merge(a)
        }
    }

    @Test func bytesComeBackAsTheSameSketch() throws {
        for (name, values) in distributions(2_000) {
            var sketch = DDSketch()
            sketch.add(contentsOf: values + [.nan, -.infinity, 0])
            let read = try DDSketch(encoded: sketch.encoded())
            #expect(read == sketch, "\(name)")
            #expect(Self.quantiles.map(read.quantile) == Self.quantiles.map(sketch.quantile))
        }
        #expect(try DDSketch(encoded: DDSketch().encoded()) == DDSketch())
    }

    @Test func damagedBytesAreRefusedAndNeverTrap() {
        var sketch = DDSketch()
        sketch.add(contentsOf: [-3, 0, 1, 2, 1_000, .nan])
        let bytes = sketch.encoded()
        for count in bytes.indices {
            #expect(throws: DDSketchError.self) { try DDSketch(encoded: Array(bytes.prefix(count))) }
        }
        #expect(throws: DDSketchError.self) { try DDSketch(encoded: bytes + [0]) }
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                if let read = try? DDSketch(encoded: damaged) { _ = Self.quantiles.map(read.quantile) }
            }
        }
        // The highest bucket at the smallest 64-bit number.
        var lowest = Array(bytes.prefix(25))
        lowest += [0, 0, 0, 0, 1]
        lowest += [UInt8](repeating: 0xff, count: 9)
        lowest += [1, 1, 0]
        #expect(throws: DDSketchError.malformed("highest bucket \(Int.min) is out of range")) {
            try DDSketch(encoded: lowest)
        }
    }
}
