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

    @Test(
        arguments: [(49, [26, 47, 49]), (50, [26, 49, 0]), (99, [51, 95, 0]), (100, [51, 95, 100])] as [(Int, [Double])]
    )
    func aLargerEps(n: Int, expected: [Double]) throws {
        let stream = try stream([0.5, 0.95, 0.99], sequence(n), eps: 0.01)
        #expect([0.5, 0.95, 0.99].map(stream.quantile) == expected)
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
