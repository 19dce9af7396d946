import Aggregation
import Metrics
import Testing

@Suite struct TransformationTests {
    static let second: Int64 = 1_000_000_000

    /// Feeds windows (start in seconds, value) through a binary function as an element does: the output timestamp is
    /// the window's end, the previous value is the input of the window before.
    private func run(
        _ windows: [(Int64, Double)], _ apply: (Datapoint, Datapoint) -> Datapoint
    ) -> [String] {
        var previous = Datapoint.empty
        var outputs: [String] = []
        for (start, value) in windows {
            let current = Datapoint(timeNanos: (start + 10) * Self.second, value: value)
            let result = apply(previous, current)
            if !result.isEmpty { outputs.append("@\(result.timeNanos / Self.second) = \(result.value)") }
            previous = current
        }
        return outputs
    }

    @Test func perSecondOverGapsAndFalls() {
        let outputs = run([(1_000, 100), (1_010, 150), (1_040, 270), (1_050, 20), (1_060, 50)]) {
            PerSecond.apply(previous: $0, current: $1)
        }
        #expect(outputs == ["@1020 = 5.0", "@1050 = 4.0", "@1070 = 3.0"])
    }

    @Test func increaseOverNaNAndFalls() {
        let outputs = run([(1_000, 100), (1_010, 150), (1_020, .nan), (1_030, 270), (1_050, 20), (1_060, 50)]) {
            Increase.apply(previous: $0, current: $1)
        }
        #expect(outputs == ["@1010 = 100.0", "@1020 = 50.0", "@1040 = 270.0", "@1070 = 30.0"])
    }

    @Test func addSharesItsAccumulatorAmongTypes() {
        var accumulator = 0.0
        // Count and sum of a window with 5 and 6, then of one with 7.
        #expect([2, 11, 1, 7].map { Add.apply($0, accumulator: &accumulator) } == [2, 13, 14, 21])
    }

    @Test func absoluteThenPerSecond() {
        let outputs = run([(210, -123), (220, -456), (230, -589)]) {
            PerSecond.apply(
                previous: Datapoint(timeNanos: $0.timeNanos, value: Absolute.apply($0.value)),
                current: Datapoint(timeNanos: $1.timeNanos, value: Absolute.apply($1.value)))
        }
        #expect(outputs == ["@230 = 33.3", "@240 = 13.3"])
        #expect(Absolute.apply(-5) == 5)
    }

    @Test func theZeroOfResetComesHalfAWindowLater() {
        #expect(
            Reset.extraPoint(after: 1_010 * Self.second, resolutionNanos: 10 * Self.second).timeNanos == 1_015
                * Self.second)
        #expect(
            Reset.extraPoint(after: 1_005 * Self.second, resolutionNanos: 5 * Self.second).timeNanos
                == 1_007_500_000_000)
        #expect(Reset.extraPoint(after: .max, resolutionNanos: .max).value == 0)
    }

    @Test func timesAtTheEndsOf64BitsDoNotTrap() {
        let previous = Datapoint(timeNanos: .min, value: 1)
        let result = PerSecond.apply(previous: previous, current: Datapoint(timeNanos: .max, value: 2))
        #expect(result.value > 0 && result.value < 1e-9)
    }
}
