import Metrics
import Testing

@Suite struct AggregationTypeTests {
    @Test func typesThatDoNotFitNameTheMetricType() throws {
        let id = AggregationID([.last, .p99])
        #expect(throws: MetricsError.invalidAggregationTypes([.last, .p99], for: .counter)) {
            try id.types(for: .counter)
        }
        #expect(try AggregationID.default.types(for: .gauge) == [.last])
    }

    @Test func sumOfSquaresIsNeededForItselfAndForTheDeviation() {
        #expect(AggregationType.needsSumOfSquares([.sum, .stdev]))
        #expect(AggregationType.needsSumOfSquares([.sumSq]))
        #expect(!AggregationType.needsSumOfSquares([.sum, .mean, .p99]))
    }
}
