import Aggregation
import Foundation
import Metrics
import TestKit
import Testing

@Suite struct TransformationVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        #expect(
            try VectorLine.kinds("transformation.jsonl") == [
                "binary_transform": 22, "unary_transform_sequence": 2, "reset_transform": 5, "transformation_type": 7,
            ])
    }

    @Test(.vectors, arguments: try VectorLine.all("transformation.jsonl"))
    func transformationsAreM3s(_ vector: VectorLine) throws {
        let line = try vector.object()
        switch try #require(line["kind"] as? String) {
        case "binary_transform": try binary(line)
        case "unary_transform_sequence": try unary(line)
        case "reset_transform": try reset(line)
        case "transformation_type": try type(line)
        case let kind: Issue.record("unknown kind \(kind)")
        }
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
}
