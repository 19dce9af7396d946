import Metrics
import Testing

@testable import Aggregation

/// The estimator that keeps values and then sketches, against sorting.
@Suite struct QuantileTests {
    static let quantiles = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999]

    private func nearestRank(_ sorted: [Double], _ quantile: Double) -> Double {
        sorted[Swift.min(Swift.max(Int((quantile * Double(sorted.count)).rounded(.up)) - 1, 0), sorted.count - 1)]
    }

    private func estimator(_ values: [Double], limit: Int = 1_024, quantiles: [Double] = quantiles) throws
        -> TimerQuantiles
    {
        let estimator = try TimerQuantiles(estimator: .exactThenDDSketch(limit: limit), quantiles: quantiles)
        estimator.add(contentsOf: values)
        return estimator
    }

    @Test func exactQuantilesAreThoseOfSorting() throws {
        var generator = LinearCongruential(state: 3)
        let inputs: [[Double]] =
            [4, 5, 23, 24, 25, 26, 100, 1_000, 1_024].map { n in
                (0..<n).map { _ in Double(generator.next() % 1_000) - 500 }
            } + [
                (0..<1_000).map(Double.init), (0..<1_000).reversed().map(Double.init),
                [Double](repeating: 3, count: 500), (0..<800).map { Double($0 % 2) },
                (0..<1_000).map { Double($0 < 500 ? $0 : 1_000 - $0) },
                [.infinity, -.infinity, 0, -0.0, 1],
            ]
        for values in inputs {
            let sorted = values.sorted()
            let found = try estimator(values)
            for quantile in Self.quantiles + [0.33, 0, 1] {
                #expect(found.quantile(quantile) == nearestRank(sorted, quantile), "n = \(values.count), \(quantile)")
            }
            #expect(found.min == sorted.first)
            #expect(found.max == sorted.last)
        }
    }

    @Test func upToThreeValuesTheIndexIsTruncatedAsInM3() throws {
        for values in [[5.0], [2, 1], [30, 10, 20]] {
            let ours = try estimator(values)
            let theirs = try CMStream(quantiles: Self.quantiles)
            theirs.addBatch(values)
            for quantile in Self.quantiles { #expect(ours.quantile(quantile) == theirs.quantile(quantile)) }
        }
    }

    @Test func windowsUpTo490ValuesAgreeWithM3() throws {
        // M3 needs ascending targets whose ranks differ: these do from 100 values on.
        let targets = [0.1, 0.5, 0.9, 0.95, 0.99]
        var generator = LinearCongruential(state: 9)
        for n in stride(from: 100, through: 490, by: 13) {
            let values = (0..<n).map { _ in generator.unit() }
            let ours = try estimator(values, quantiles: targets)
            let theirs = try CMStream(quantiles: targets)
            theirs.addBatch(values)
            for quantile in targets { #expect(ours.quantile(quantile) == theirs.quantile(quantile), "n = \(n)") }
        }
    }

    @Test func theDefaultTypesOfTheWorkedExamples() throws {
        let types = AggregationType.defaults(for: .timer)
        func reductions(_ values: [Double], _ estimator: QuantileEstimator) throws -> [Double] {
            let quantiles = try TimerQuantiles(estimator: estimator, quantiles: AggregationType.quantiles(of: types))
            var state = TimerState()
            for value in values { state.add(value, squares: AggregationType.needsSumOfSquares(types)) }
            quantiles.add(contentsOf: values)
            return types.map { state.value(of: $0, quantiles: quantiles) }
        }
        for estimator in [QuantileEstimator.standard, .m3Default] {
            #expect(
                try reductions((1...10).map(Double.init), estimator)
                    == [55, 385, 5.5, 1, 10, 10, 3.0276503540974917, 5, 5, 10, 10])
            #expect(try reductions([30, 10, 20], estimator) == [60, 1_400, 20, 10, 30, 3, 10, 20, 20, 30, 30])
            #expect(
                try reductions([3.9, 1], estimator)
                    == [4.9, 16.21, 2.45, 1, 3.9, 2, 2.0506096654409873, 3.9, 3.9, 3.9, 3.9])
            #expect(try reductions([], estimator) == [Double](repeating: 0, count: 11))
            let hundred = try reductions((1...100).map(Double.init), estimator)
            #expect(hundred[0...2] == [5_050, 338_350, 50.5])
            #expect(hundred[8...] == [50, 95, 99])
        }
    }

    @Test func m3sQuirksOfTheWorkedExamples() throws {
        func found(_ types: [AggregationType], _ n: Int) throws -> [Double] {
            let ordered = try AggregationID(types).types()
            let quantiles = try TimerQuantiles(
                estimator: .m3Default, quantiles: AggregationType.quantiles(of: ordered))
            quantiles.add(contentsOf: (1...n).map(Double.init))
            return ordered.map { TimerState().value(of: $0, quantiles: quantiles) }
        }
        #expect(try found([.p99, .p25, .p75], 100) == [99, 99, 99])
        #expect(try found([.median, .p10, .p90], 100) == [50, 50, 90])
        #expect(
            try found([.p10, .p20, .p30, .p40, .p50, .p60, .p70, .p80, .p90], 5) == [1, 2, 3, 4, 5, 5, 5, 5, 5])
    }

    @Test func theLimitDecidesWhateverTheBatches() throws {
        let values = (1...300).map { Double($0) * 1.1 }
        for limit in [299, 300] {
            let whole = try estimator(values, limit: limit)
            let single = try TimerQuantiles(estimator: .exactThenDDSketch(limit: limit), quantiles: Self.quantiles)
            for value in values { single.add(value) }
            for quantile in Self.quantiles {
                let exact = nearestRank(values, quantile)
                #expect(single.quantile(quantile) == whole.quantile(quantile))
                if limit == 300 {
                    #expect(whole.quantile(quantile) == exact)
                } else {
                    #expect(abs(whole.quantile(quantile) - exact) <= 0.005_000_01 * exact)
                }
            }
            #expect(whole.min == 1.1 && whole.max == values.last)
        }
    }

    @Test func nanTakesNoPart() throws {
        let mixed = try estimator([.nan, 2, .nan, 1, 3, 4])
        #expect(mixed.quantile(0.5) == 2)
        #expect(mixed.min == 1 && mixed.max == 4)
        for limit in [1, 1_024] {
            let only = try estimator([.nan, .nan, .nan], limit: limit)
            #expect(only.quantile(0.5).isNaN && only.min.isNaN && only.max.isNaN)
        }
        let none = try estimator([])
        #expect(none.quantile(0.5) == 0 && none.min == 0 && none.max == 0)
        #expect(none.quantile(-0.1).isNaN && none.quantile(1.1).isNaN)
    }

    @Test func aResetEstimatorIsFresh() throws {
        for estimator in [QuantileEstimator.exactThenDDSketch(limit: 100), .m3Default] {
            let reused = try TimerQuantiles(estimator: estimator, quantiles: [0.5, 0.99])
            for (round, n) in [50, 500, 20, 1_500, 0].enumerated() {
                let values = (0..<n).map { Double(($0 * 37) % 101) + 1 }
                let fresh = try TimerQuantiles(estimator: estimator, quantiles: [0.5, 0.99])
                reused.add(contentsOf: values)
                fresh.add(contentsOf: values)
                #expect([0.5, 0.99].map(reused.quantile) == [0.5, 0.99].map(fresh.quantile))
                #expect(reused.min == fresh.min && reused.max == fresh.max)
                reused.reset(keepingCapacity: round.isMultiple(of: 2))
            }
            #expect(reused.quantile(0.5) == 0)
        }
    }

    @Test func valuesAfterAReadCount() throws {
        let estimator = try estimator([5, 1, 3, 4, 2])
        #expect(estimator.quantile(0.5) == 3)
        estimator.add(0)
        #expect(estimator.quantile(0.5) == 2)
        #expect(estimator.min == 0)
    }

    @Test func figuresOutOfRangeAreRefused() {
        for estimator in [
            QuantileEstimator.exactThenDDSketch(limit: 0), .exactThenDDSketch(limit: 2_000_000),
            .m3(eps: 0, insertAndCompressEvery: 1), .m3(eps: 0.1, insertAndCompressEvery: 0),
        ] {
            #expect(throws: QuantileEstimatorError.self) { try TimerQuantiles(estimator: estimator, quantiles: []) }
        }
    }

    @Test(arguments: [0, 1, 2])
    func selectionIsRightHoweverSoonItTurnsToSorting(patience: Int) {
        var generator = LinearCongruential(state: 21)
        for n in [1, 2, 24, 25, 26, 100, 1_000] {
            for spread in [2, 10, 1_000_000] as [UInt32] {
                let values = (0..<n).map { _ in Double(generator.next() % spread) }
                var selected = values
                var ranks = [0, n / 3, n / 2, n / 2, n - 1]
                selected.withUnsafeMutableBufferPointer { values in
                    ranks.withUnsafeMutableBufferPointer { ranks in
                        Quickselect.select(values, ranks[...], patience: patience)
                    }
                }
                let sorted = values.sorted()
                for rank in ranks { #expect(selected[rank] == sorted[rank], "n = \(n)") }
                #expect(selected.sorted() == sorted)
            }
        }
    }

    @Test func radixSortIsSorting() {
        var generator = LinearCongruential(state: 31)
        for n in [0, 1, 2, 47, 48, 49, 300, 5_000] {
            var values = (0..<n).map { _ in (generator.unit() - 0.5) * Double(generator.next()) }
            if n > 10 { values[0...5] = [.infinity, -.infinity, 0, 5e-324, -5e-324, .greatestFiniteMagnitude] }
            let expected = values.sorted()
            RadixSort.sort(&values)
            #expect(values == expected)
        }
    }
}
