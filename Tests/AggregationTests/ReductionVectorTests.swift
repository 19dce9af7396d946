import Aggregation
import Foundation
import Metrics
import TestKit
import Testing

@Suite struct ReductionVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        #expect(
            try VectorLine.kinds("aggregation_values.jsonl") == [
                "counter_aggregation": 18, "gauge_aggregation": 20, "gauge_update_previous": 4, "timer_aggregation": 8,
            ])
    }

    @Test(.vectors, arguments: try VectorLine.all("aggregation_values.jsonl"))
    func valuesAreBitForBitM3s(_ vector: VectorLine) throws {
        let line = try vector.object()
        let value: (AggregationType) -> Double
        let types: Int
        switch try #require(line["kind"] as? String) {
        case "counter_aggregation": (value, types) = (try counter(line), 7)
        case "gauge_aggregation": (value, types) = (try gauge(line), 8)
        case "gauge_update_previous": (value, types) = (try gaugeWithReplacements(line), 8)
        case "timer_aggregation": (value, types) = (try timer(line), 23)
        case let kind:
            Issue.record("unknown kind \(kind)")
            return
        }
        let results = try #require(line["result"] as? [String: Any])
        #expect(results.count == types)
        for (name, pair) in results {
            let expected = try #require(double(bits: pair))
            let result = value(try AggregationType(name: name))
            #expect(isSame(result, expected), "\(name): \(result), not \(expected)")
        }
    }

    private func counter(_ line: [String: Any]) throws -> (AggregationType) -> Double {
        let input = try #require(line["input"] as? [String: Any])
        let squares = try #require(input["expensive"] as? Bool)
        var state = CounterState()
        for text in input["values"] as? [String] ?? [] { state.add(try #require(Int64(text)), squares: squares) }
        return state.value
    }

    private func gauge(_ line: [String: Any]) throws -> (AggregationType) -> Double {
        let input = try #require(line["input"] as? [String: Any])
        let squares = try #require(input["expensive"] as? Bool)
        var state = GaugeState()
        for update in input["updates"] as? [[String: Any]] ?? [] {
            let seconds = try #require(update["at_seconds"] as? NSNumber).int64Value
            let value = try #require(Fixtures.double(update["value"]))
            state.add(value, at: 1_700_000_000_000_000_000 + seconds * 1_000_000_000, squares: squares)
        }
        return state.value
    }

    private func gaugeWithReplacements(_ line: [String: Any]) throws -> (AggregationType) -> Double {
        var state = GaugeState()
        for (index, step) in try #require(line["input"] as? [[String: Any]]).enumerated() {
            let value = try #require(Fixtures.double(step["update"]))
            let time = 1_700_000_000_000_000_000 + Int64(index) * 1_000_000_000
            if let previous = Fixtures.double(step["prev"]) {
                state.replace(previous, with: value, at: time, squares: true)
            } else {
                state.add(value, at: time, squares: true)
            }
        }
        return state.value
    }

    private func timer(_ line: [String: Any]) throws -> (AggregationType) -> Double {
        let input = try #require(line["input"] as? [String: Any])
        let squares = try #require(input["expensive"] as? Bool)
        let eps = try #require(input["eps"] as? NSNumber).doubleValue
        // These were captured with the targets in ascending order, not in the order of the types.
        let targets = AggregationType.quantiles(of: AggregationType.allCases).sorted()
        let quantiles = try TimerQuantiles(
            estimator: .m3(eps: eps, insertAndCompressEvery: 1_024), quantiles: targets)
        var state = TimerState()
        let values = try #require(input["values"] as? [Any]).map { try #require(Fixtures.double($0)) }
        for value in values { state.add(value, squares: squares) }
        quantiles.add(contentsOf: values)
        return { state.value(of: $0, quantiles: quantiles) }
    }

    #if arch(x86_64)
        @Test func nanHasTheBitsThatM3Sends() {
            #expect(GaugeState().value(of: .min).bitPattern == 0x7ff8_0000_0000_0001)
            #expect(GaugeState().value(of: .max).bitPattern == 0x7ff8_0000_0000_0001)
            #expect(StandardDeviation.value(count: 2, sumOfSquares: 0, sum: 3).bitPattern == 0xfff8_0000_0000_0000)
        }
    #endif
}
