import Foundation
import Metrics
import Rules
import TestKit
import Testing

@Suite struct DropPolicyVectorTests {
    private func pipelines(_ json: Any?) throws -> [PipelineMetadata] {
        try (json as? [[String: Any]] ?? []).map { pipeline in
            let aggregation = try #require(pipeline["aggregation"] as? [String: Any])
            let policies = try #require(pipeline["storage_policies"] as? [[String: Any]])
            let drop = try #require(pipeline["drop_policy"] as? NSNumber)
            return PipelineMetadata(
                aggregationID: AggregationID(rawValue: try #require(aggregation["id"] as? NSNumber).uint64Value),
                storagePolicies: try policies.map { try StoragePolicy(parsing: try #require($0["string"] as? String)) },
                dropPolicy: try #require(DropPolicy(rawValue: drop.uint64Value)))
        }
    }

    @Test func everyCapturedListOfPipelinesEndsAsInM3() throws {
        let lines = try Fixtures.vectors("drop_policies.jsonl")
        #expect(lines.count == 14)
        for line in lines {
            let result = try #require(line["result"] as? [String: Any])
            var pipelines = try pipelines(line["input"])
            let outcome: DropPolicies.Outcome =
                switch try #require(result["result"] as? String) {
                case "applied_effective_drop_policy": .effective
                case "removed_ineffective_drop_policies": .removedAsIneffective
                default: .noPolicyPresent
                }
            #expect(DropPolicies.apply(to: &pipelines) == outcome)
            #expect(try pipelines == self.pipelines(result["pipelines"]))
        }
    }
}
