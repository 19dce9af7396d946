import Aggregation
import Metrics
import Testing

/// The worked examples of counters and gauges, and what must hold for any values.
@Suite struct ReductionTests {
    static let allPlain: [AggregationType] = [.min, .max, .mean, .count, .sum, .sumSq, .stdev]

    private func counter(_ values: [Int64]) -> CounterState {
        var state = CounterState()
        for value in values { state.add(value, squares: true) }
        return state
    }

    private func gauge(_ values: [Double], sameTime: Bool = false) -> GaugeState {
        var state = GaugeState()
        for (index, value) in values.enumerated() {
            state.add(value, at: sameTime ? 7 : Int64(index), squares: true)
        }
        return state
    }

    @Test func counterReductions() {
        let state = counter([2, 4, 4, 4, 5, 5, 7, 9])
        #expect(Self.allPlain.map(state.value) == [2, 9, 5, 8, 40, 232, 2.138089935299395])
        #expect(counter([5, -2, 10]).value(of: .sum) == 13)
        #expect(state.value(of: .last) == 0)
        #expect(state.value(of: .p99) == 0)
    }

    @Test func counterWrapsAround() {
        let state = counter([.max, 1])
        #expect(state.value(of: .max) == 9.223372036854776e18)
        #expect(state.value(of: .mean) == -4.611686018427388e18)
        #expect(state.value(of: .sum) == -9.223372036854776e18)
    }

    @Test(
        arguments: [
            (2.5, 2), (-2.5, -2), (0.4, 0), (-0.9, 0), (.nan, .min), (.infinity, .min), (-.infinity, .min),
            (0x1p63, .min), (-0x1p63, .min), (9_007_199_254_740_993, 9_007_199_254_740_992),
        ] as [(Double, Int64)])
    func floatsBecomeIntegersTowardsZero(value: Double, integer: Int64) {
        #expect(CounterState.truncate(value) == integer)
    }

    @Test func gaugeReductions() {
        let state = gauge([1.5, -2.5, 4])
        #expect(([.last] + Self.allPlain).map(state.value) == [4, -2.5, 4, 1, 3, 3, 24.5, 3.278719262151])
        #expect(state.value(of: .p50) == 0)
    }

    @Test func gaugeWithNaN() {
        let state = gauge([1.5, .nan, 4, .nan])
        #expect(state.value(of: .last).isNaN)
        #expect(Self.allPlain.map(state.value) == [1.5, 4, 1.375, 4, 5.5, 18.25, 1.8874586088176875])
    }

    @Test func gaugeOfOnlyNaN() {
        let state = gauge([.nan])
        for type in [AggregationType.last, .min, .max] { #expect(state.value(of: type).isNaN) }
        #expect([AggregationType.mean, .count, .sum, .sumSq, .stdev].map(state.value) == [0, 1, 0, 0, 0])
    }

    @Test func ofEqualTimesTheFirstIsLast() {
        let state = gauge([1, 2], sameTime: true)
        #expect(([.last] + Self.allPlain).map(state.value) == [1, 1, 2, 1.5, 2, 3, 5, 0.7071067811865476])
    }

    @Test func anOlderValueIsNotLast() {
        var state = GaugeState()
        state.add(1, at: 10, squares: false)
        state.add(2, at: 9, squares: false)
        #expect(state.value(of: .last) == 1)
        state.add(3, at: 11, squares: false)
        #expect(state.value(of: .last) == 3)
    }

    @Test func theDeviationOfNearlyEqualValuesIsLostToRounding() {
        let large = gauge([1_000_000_000.1, 1_000_000_000.1, 1_000_000_000.1])
        #expect(large.value(of: .sum) == 3.0000000003e9)
        #expect(large.value(of: .stdev).isNaN)
        let small = gauge([1.1, 1.1, 1.1])
        #expect(small.value(of: .sum) == 3.3000000000000003)
        #expect(small.value(of: .stdev) == 0)
    }

    @Test func infinities() {
        let state = gauge([.infinity, -.infinity])
        #expect(state.value(of: .last) == -.infinity)
        #expect(state.value(of: .min) == -.infinity)
        #expect(state.value(of: .sum).isNaN)
        #expect(state.value(of: .stdev).isNaN)
    }

    @Test func squaresAreOnlyKeptOnRequest() {
        var counter = CounterState()
        var gauge = GaugeState()
        var timer = TimerState()
        counter.add(3, squares: false)
        gauge.add(3, at: 0, squares: false)
        timer.add(3, squares: false)
        #expect(counter.sumSq == 0 && gauge.sumSq == 0 && timer.sumSq == 0)
        gauge.replace(3, with: 4, at: 1, squares: false)
        #expect(gauge.sumSq == 0)
    }

    @Test func integersReduceTheSameInAnyOrder() {
        var generator = LinearCongruential(state: 11)
        var values = (0..<500).map { _ in Int64(generator.next() % 2_000_001) - 1_000_000 }
        let counterExpected = counter(values)
        let gaugeExpected = gauge(values.map(Double.init))
        for _ in 0..<20 {
            values.shuffle()
            #expect(counter(values) == counterExpected)
            let shuffled = gauge(values.map(Double.init))
            for type in Self.allPlain {
                #expect(isSame(shuffled.value(of: type), gaugeExpected.value(of: type)), "\(type)")
            }
        }
    }

    @Test func aReplacementLeavesWhatTheCorrectValueAloneWouldHaveGiven() {
        var corrected = gauge([3, 10, 5])
        corrected.replace(10, with: 4, at: 3, squares: true)
        let expected = gauge([3, 4, 5])
        for type in [AggregationType.sum, .count, .mean, .sumSq, .stdev] {
            #expect(isSame(corrected.value(of: type), expected.value(of: type)), "\(type)")
        }
        #expect(corrected.value(of: .max) == 10)
        corrected.replace(.nan, with: 1, at: 4, squares: true)
        #expect(corrected.value(of: .sum) == 13)
        #expect(corrected.value(of: .count) == 3)
    }
}
