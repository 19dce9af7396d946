import Aggregation
import Testing

@Suite struct CMStreamTests {
    private func sequence(_ n: Int) -> [Double] { (1...n).map(Double.init) }
    private func reversed(_ n: Int) -> [Double] { sequence(n).reversed() }
    private func permutation(_ n: Int) -> [Double] { (0..<n).map { Double($0 * 7_919 % 10_007) } }

    private func stream(_ quantiles: [Double], _ values: [Double], eps: Double = 1e-3) throws -> CMStream {
        let stream = try CMStream(quantiles: quantiles, eps: eps)
        stream.addBatch(values)
        stream.flush()
        return stream
    }

    private func check(
        _ values: [Double], _ expected: [Double], samples: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let stream = try stream([0.5, 0.95, 0.99], values)
        let found = [0.5, 0.95, 0.99, 0, 1].map(stream.quantile)
        #expect(found == expected, "n = \(values.count)", sourceLocation: sourceLocation)
        if let samples { #expect(stream.sampleCount == samples, "n = \(values.count)", sourceLocation: sourceLocation) }
    }

    @Test(
        arguments: [
            (4, [2, 4, 4], nil), (5, [3, 5, 5], nil), (20, [10, 19, 20], nil), (21, [11, 20, 21], nil),
            (50, [25, 48, 50], nil), (101, [51, 96, 100], nil), (200, [100, 190, 198], nil),
            (499, [251, 476, 496], nil), (500, [251, 476, 496], nil), (999, [500, 950, 990], nil),
            (1_000, [500, 951, 991], 430), (1_024, [512, 973, 1_015], nil), (1_025, [513, 974, 1_016], nil),
            (1_026, [514, 975, 1_017], nil), (2_000, [1_001, 1_899, 1_979], nil),
            (5_000, [2_502, 4_749, 4_949], 466), (10_007, [5_011, 9_506, 9_906], 490),
            (50_000, [25_031, 47_548, 49_499], 556), (100_000, [50_076, 95_041, 98_930], nil),
        ] as [(Int, [Double], Int?)])
    func ascending(n: Int, expected: [Double], samples: Int?) throws {
        try check(sequence(n), expected + [1, Double(n)], samples: samples)
    }

    @Test(
        arguments: [
            (1_000, [500, 951, 991], 430), (5_000, [2_497, 4_751, 4_951], 455),
            (10_007, [5_010, 9_511, 9_908], 452), (50_000, [24_969, 47_507, 49_504], 437),
        ] as [(Int, [Double], Int)])
    func descending(n: Int, expected: [Double], samples: Int) throws {
        try check(reversed(n), expected + [1, Double(n)], samples: samples)
    }

    @Test(
        arguments: [
            (1_000, [5_003, 9_516, 9_910, 0, 9_997], 430), (5_000, [5_003, 9_506, 9_910, 0, 10_006], 453),
            (10_007, [5_003, 9_506, 9_910, 0, 10_006], 448), (50_000, [5_003, 9_506, 9_910, 0, 10_006], 444),
        ] as [(Int, [Double], Int)])
    func permuted(n: Int, expected: [Double], samples: Int) throws {
        try check(permutation(n), expected, samples: samples)
    }

    @Test func sevenTargets() throws {
        let targets = [0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999]
        let thousand = try stream(targets, permutation(1_000))
        #expect(targets.map(thousand.quantile) == [1_010, 5_003, 9_006, 9_506, 9_901, 9_997, 0])
        #expect(thousand.sampleCount == 468)
        let fiveThousand = try stream(targets, permutation(5_000))
        #expect(targets.map(fiveThousand.quantile) == [1_010, 5_003, 9_015, 9_506, 9_910, 10_005, 0])
        #expect(fiveThousand.sampleCount == 494)
        for (n, last, samples) in [(10_007, [10_005.0, 10_006], 488), (50_000, [10_006, 10_006], 485)] {
            let stream = try stream(targets, permutation(n))
            #expect([0.999, 0.9999].map(stream.quantile) == last)
            #expect(stream.sampleCount == samples)
        }
    }

    @Test(
        arguments: [
            (499, [499, 499]), (500, [0, 0]), (999, [0, 0]), (1_000, [1_000, 0]), (5_000, [4_999, 0]),
            (9_999, [9_998, 0]), (10_000, [9_999, 10_000]), (20_000, [19_999, 20_000]),
        ] as [(Int, [Double])])
    func theHighestTargetsMayStayUnset(n: Int, expected: [Double]) throws {
        let stream = try stream([0.999, 0.9999], sequence(n))
        #expect([0.999, 0.9999].map(stream.quantile) == expected)
    }

    @Test(arguments: [(499, 499), (500, 0), (999, 0), (1_000, 1_000), (1_001, 1_001), (2_000, 1_999)])
    func aSingleHighTarget(n: Int, expected: Double) throws {
        #expect(try stream([0.999], sequence(n)).quantile(0.999) == expected)
    }

    @Test(
        arguments: [(49, [26, 47, 49]), (50, [26, 49, 0]), (99, [51, 95, 0]), (100, [51, 95, 100])] as [(Int, [Double])]
    )
    func aLargerEps(n: Int, expected: [Double]) throws {
        let stream = try stream([0.5, 0.95, 0.99], sequence(n), eps: 0.01)
        #expect([0.5, 0.95, 0.99].map(stream.quantile) == expected)
    }

    @Test func targetsThatAreNotAscendingHideEachOther() throws {
        let targets = [0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.25, 0.75]
        let all = try stream(targets, sequence(100))
        #expect(targets.map(all.quantile) == [50, 50, 50, 50, 50, 60, 70, 80, 90, 95, 99, 100, 100, 50, 80])
        let three = try stream([0.99, 0.25, 0.75], sequence(100))
        #expect([0.99, 0.25, 0.75].map(three.quantile) == [99, 99, 99])
    }

    @Test func valuesBehindNaNAreLostAsInM3() throws {
        func found(_ values: [Double]) throws -> [Double] {
            let stream = try stream([0.5, 0.95, 0.99], values)
            return [0.5, 0.95, 0.99, 0, 1].map(stream.quantile)
        }
        let first = try found([.nan, 1, 2, 3, 4, 5])
        #expect(first.filter(\.isNaN).count == 5)
        #expect(try found([1, 2, .nan, 3, 4, 5]) == [3, 3, 3, 1, 3])
        #expect(try found([3, 1, .nan, 2, 5, 4]) == [3, 5, 5, 1, 5])
    }

    @Test(arguments: [1, 7, 140])
    func batchesAndFlushesMakeNoDifferenceToThesePermutations(size: Int) throws {
        let values = permutation(5_000)
        let stream = try CMStream(quantiles: [0.5, 0.95, 0.99])
        for start in stride(from: 0, to: values.count, by: size) {
            stream.addBatch(Array(values[start..<Swift.min(start + size, values.count)]))
            if start < 2_500 && start + size >= 2_500 { stream.flush() }
        }
        #expect([0.5, 0.95, 0.99].map(stream.quantile) == [5_003, 9_506, 9_910])
    }

    @Test func aResetStreamIsFresh() throws {
        let reused = try stream([0.5, 0.999], reversed(3_000))
        for values in [sequence(700), [], [5], permutation(2_000)] {
            reused.reset()
            for value in values { reused.add(value) }
            let fresh = try CMStream(quantiles: [0.5, 0.999])
            for value in values { fresh.add(value) }
            #expect([0, 0.5, 0.999, 1].map(reused.quantile) == [0, 0.5, 0.999, 1].map(fresh.quantile))
            #expect(reused.sampleCount == fresh.sampleCount)
        }
    }

    @Test func questionsBeyondTheTargetsHaveNoAnswer() throws {
        let stream = try stream([0.5], [1, 2, 3, 4])
        #expect(stream.quantile(0.3) == 2)
        for quantile in [0.6, -0.1, 1.1, .nan] { #expect(stream.quantile(quantile).isNaN) }
    }

    @Test(arguments: [0, 0.5, -1, .nan, .infinity])
    func anEpsOutOfRangeIsRefused(eps: Double) {
        #expect(throws: QuantileEstimatorError.self) { try CMStream(quantiles: [0.5], eps: eps) }
        #expect(throws: QuantileEstimatorError.invalidInsertAndCompressEvery(0)) {
            try CMStream(quantiles: [0.5], insertAndCompressEvery: 0)
        }
    }
}
