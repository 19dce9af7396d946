import Foundation
import Metrics
import TestKit
import Testing

@Suite struct AggregationTypeVectorTests {
    @Test func theFilesHoldTheseLines() throws {
        #expect(
            try VectorLine.kinds("aggregation_id.jsonl") == [
                "aggregation_compress": 32, "aggregation_type": 24, "aggregation_decompress": 10,
                "aggregation_parse": 13, "default_types": 1,
            ])
        #expect(try VectorLine.kinds("type_strings.jsonl") == ["type_string": 72])
    }

    @Test(.vectors, arguments: try VectorLine.all("aggregation_id.jsonl"))
    func idsAndTypesAreM3s(_ vector: VectorLine) throws {
        let line = try vector.object()
        switch try #require(line["kind"] as? String) {
        case "aggregation_compress": try compress(line)
        case "aggregation_type": try type(line)
        case "aggregation_decompress": try decompress(line)
        case "aggregation_parse": try parse(line)
        case "default_types": try defaults(line)
        case let kind: Issue.record("unknown kind \(kind)")
        }
    }

    @Test(.vectors, arguments: try VectorLine.all("type_strings.jsonl"))
    func typeStringsAreM3s(_ vector: VectorLine) throws {
        let line = try vector.object()
        let input = try #require(line["input"] as? [String: String])
        let transformName = try #require(input["transform"])
        let typeName = try #require(input["type"])
        let transform = try #require(TypeStringTransform(rawValue: transformName))
        let text = transform.typeString(of: try AggregationType(name: typeName))
        #expect(line["result"] as? [String: String] == ["counter": text, "gauge": text, "timer": text])
    }

    private func compress(_ line: [String: Any]) throws {
        let names = try #require((line["input"] as? [String: Any])?["types"] as? [String])
        guard let result = line["result"] as? [String: Any] else {
            #expect(line["error"] != nil)
            #expect(throws: MetricsError.self, "\(names)") { try names.map { try AggregationType(name: $0) } }
            return
        }
        let types = try names.map { try AggregationType(name: $0) }
        let id = AggregationID(types)
        #expect(id.rawValue == (result["id"] as? NSNumber)?.uint64Value)
        #expect(try id.types().map(\.name) == result["decompressed"] as? [String])
        #expect(id.isDefault == result["is_default"] as? Bool)
        for (metricType, key) in [
            (MetricType.counter, "valid_counter"), (.gauge, "valid_gauge"), (.timer, "valid_timer"),
        ] {
            let isValid = (try? id.types(for: metricType)) != nil
            #expect(isValid == result[key] as? Bool, "\(names) \(key)")
        }
        let quantiles = (line["quantiles"] as? [NSNumber] ?? []).map(\.doubleValue)
        #expect(AggregationType.quantiles(of: try id.types()) == quantiles)
    }

    private func type(_ line: [String: Any]) throws {
        let type = try AggregationType(name: try #require(line["input"] as? String))
        let result = try #require(line["result"] as? [String: Any])
        #expect(Int(type.rawValue) == result["value"] as? Int)
        #expect(type.name == line["input"] as? String)
        #expect(type.suffix == result["name"] as? String)
        #expect((type.quantile != nil) == result["is_quantile"] as? Bool)
        #expect((type.quantile ?? 0) == (result["quantile"] as? NSNumber)?.doubleValue)
        #expect(type.isValid(for: .counter) == result["valid_counter"] as? Bool)
        #expect(type.isValid(for: .gauge) == result["valid_gauge"] as? Bool)
        #expect(type.isValid(for: .timer) == result["valid_timer"] as? Bool)
        #expect(!type.isValid(for: .unknown))
    }

    private func decompress(_ line: [String: Any]) throws {
        let text = try #require((line["input"] as? [String: Any])?["id"] as? String)
        let id = AggregationID(rawValue: try #require(UInt64(text)))
        if let names = line["result"] as? [String] {
            #expect(try id.types().map(\.name) == names)
        } else {
            #expect(line["error"] != nil)
            #expect(throws: MetricsError.invalidAggregationID(id.rawValue)) { try id.types() }
        }
    }

    private func parse(_ line: [String: Any]) throws {
        let text = try #require(line["input"] as? String)
        if let names = line["result"] as? [String] {
            #expect(try AggregationType.list(parsing: text).map(\.name) == names)
        } else {
            let error = #expect(throws: MetricsError.self) { try AggregationType.list(parsing: text) }
            #expect(error?.description == line["error"] as? String)
        }
    }

    private func defaults(_ line: [String: Any]) throws {
        let result = try #require(line["result"] as? [String: Any])
        for type in [MetricType.counter, .gauge, .timer] {
            #expect(AggregationType.defaults(for: type).map(\.name) == result[type.name] as? [String])
        }
        let quantiles = (result["default_quantiles"] as? [NSNumber])?.map(\.doubleValue)
        #expect(AggregationType.quantiles(of: AggregationType.defaults(for: .timer)) == quantiles)
    }
}
