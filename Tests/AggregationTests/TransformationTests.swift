import Aggregation
import Foundation
import Metrics
import TestKit
import Testing

@Suite struct TransformationTests {
    @Test func everyCapturedTransformationIsAsInM3() throws {
        var counts: [String: Int] = [:]
        for line in try Fixtures.vectors("transformation.jsonl") {
            let kind = try #require(line["kind"] as? String)
            counts[kind, default: 0] += 1
            switch kind {
            case "binary_transform": try binary(line)
            case "unary_transform_sequence": try unary(line)
            case "reset_transform": try reset(line)
            case "transformation_type": try type(line)
            default: Issue.record("unknown kind \(kind)")
            }
        }
        #expect(
            counts == [
                "binary_transform": 22, "unary_transform_sequence": 2, "reset_transform": 5, "transformation_type": 7,
            ])
    }

    private func binary(_ line: [String: Any]) throws {
        let input = try #require(line["input"] as? [String: Any])
        let previous = try point(input["prev"])
        let current = try point(input["curr"])
        let name = try #require(input["type"] as? String)
        let result: Datapoint
        switch try TransformationType(name: name) {
        case .perSecond: result = PerSecond.apply(previous: previous, current: current)
        case .increase: result = Increase.apply(previous: previous, current: current)
        default:
            Issue.record("\(name) is not binary")
            return
        }
        try check(result, line["result"], "\(input)")
    }

    private func unary(_ line: [String: Any]) throws {
        let input = try #require(line["input"] as? [String: Any])
        let points = try #require(input["points"] as? [Any])
        let results = try #require(line["result"] as? [Any])
        #expect(points.count == results.count)
        var accumulator = 0.0
        for (item, expected) in zip(points, results) {
            var point = try point(item)
            switch input["type"] as? String {
            case "Absolute": point.value = Absolute.apply(point.value)
            case "Add": point.value = Add.apply(point.value, accumulator: &accumulator)
            default: Issue.record("unknown type in \(input)")
            }
            try check(point, expected, "\(input)")
        }
    }

    private func reset(_ line: [String: Any]) throws {
        let input = try #require(line["input"] as? [String: Any])
        let current = try point(input["point"])
        let resolution = try #require(input["resolution_nanos"] as? NSNumber).int64Value
        let results = try #require(line["result"] as? [Any])
        #expect(results.count == 2)
        try check(current, results[0], "\(input)")
        try check(Reset.extraPoint(after: current.timeNanos, resolutionNanos: resolution), results[1], "\(input)")
    }

    private func type(_ line: [String: Any]) throws {
        let result = try #require(line["result"] as? [String: Any])
        let number = try #require(line["input"] as? Int)
        let type = TransformationType(rawValue: UInt8(number))
        #expect((type != nil) == result["valid"] as? Bool)
        #expect((type?.isBinary ?? false) == result["binary"] as? Bool)
        if let type { #expect(type.name == result["string"] as? String) }
    }

    private func point(_ item: Any?) throws -> Datapoint {
        let item = try #require(item as? [String: Any])
        let time = try #require(item["time_nanos"] as? NSNumber)
        return Datapoint(timeNanos: time.int64Value, value: try #require(Fixtures.double(item["value"])))
    }

    private func check(_ found: Datapoint, _ expected: Any?, _ comment: String) throws {
        let expected = try point(expected)
        #expect(found.timeNanos == expected.timeNanos, "\(comment)")
        #expect(isSame(found.value, expected.value), "\(comment)")
    }

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
