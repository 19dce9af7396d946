import Foundation
import Metrics
import TestKit
import Testing

@Suite struct PolicyTextVectorTests {
    /// One of M3's parses wraps around 64 bits and goes on with 160 years: we refuse it.
    private static let wrappedByM3 = "999999999999999999999s:1d"

    @Test func theFileHoldsTheseLines() throws {
        #expect(
            try VectorLine.kinds("policy.jsonl") == [
                "storage_policy_parse": 40, "policy_parse": 7, "drop_policy_parse": 7,
            ])
    }

    @Test(.vectors, arguments: try VectorLine.all("policy.jsonl"))
    func textIsReadAsByM3(_ vector: VectorLine) throws {
        let line = try vector.object()
        let input = try #require(line["input"] as? String)
        let result = line["result"] as? [String: Any]
        switch try #require(line["kind"] as? String) {
        case "storage_policy_parse":
            guard let result, input != Self.wrappedByM3 else {
                #expect(throws: MetricsError.self) { try StoragePolicy(parsing: input) }
                return
            }
            try check(try StoragePolicy(parsing: input), result)
        case "policy_parse":
            guard let result else {
                #expect(throws: MetricsError.self) { try Policy(parsing: input) }
                return
            }
            let policy = try Policy(parsing: input)
            #expect(policy.description == result["string"] as? String)
            try check(policy.storagePolicy, try #require(result["storage_policy"] as? [String: Any]))
            let aggregation = try #require(result["aggregation"] as? [String: Any])
            #expect(policy.aggregationID.rawValue == (aggregation["id"] as? NSNumber)?.uint64Value)
            let names = aggregation["types"] as? [String] ?? []
            #expect(try policy.aggregationID.types().map(\.name) == names)
        case "drop_policy_parse":
            guard let result else {
                #expect(throws: MetricsError.invalidDropPolicy(input)) { try DropPolicy(parsing: input) }
                return
            }
            let policy = try DropPolicy(parsing: input)
            #expect(policy.rawValue == (result["value"] as? NSNumber)?.uint64Value)
            #expect(policy.text == result["string"] as? String)
        case let kind: Issue.record("unknown kind \(kind)")
        }
    }

    private func check(_ policy: StoragePolicy, _ result: [String: Any]) throws {
        #expect(policy.resolutionNanos == (result["window_nanos"] as? NSNumber)?.int64Value)
        #expect(policy.precisionNanos == (result["precision_nanos"] as? NSNumber)?.int64Value)
        #expect(policy.retentionNanos == (result["retention_nanos"] as? NSNumber)?.int64Value)
        #expect(policy.description == result["string"] as? String)
        #expect(try StoragePolicy(parsing: policy.description) == policy)
    }
}
