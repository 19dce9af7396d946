import Aggregator
import Coordinator
import Foundation
import Rules
import Telemetry
import TestKit
import Testing

@testable import Services

struct RulesFolderTests {
    private static func mapping(_ names: String...) -> String {
        "mappingRules:\n"
            + names.map { name in
                """
                  - name: \(name)
                    filter: "__name__:\(name)"
                    aggregations: [Max]
                    storagePolicies: ["10s:48h"]

                """
            }.joined()
    }

    private static let rollup = """
        rollupRules:
          - name: sum
            filter: "__name__:requests"
            transforms:
              - rollup:
                  metricName: requests_by_service
                  groupBy: [service]
                  aggregations: [Sum]
            storagePolicies: ["10s:48h"]
        """

    private let registry = Registry()
    private let downsampler = Downsampler()

    private func open(
        _ directory: TemporaryDirectory, _ aggregator: AggregatorOptions = AggregatorOptions()
    ) throws -> RulesFolder {
        try RulesFolder(
            directory: directory.url.path, downsampler: downsampler, aggregator: aggregator, registry: registry,
            logger: quiet)
    }

    private var failures: Double { registry.value("m3agg_coordinator_rules_load_failures_total") }
    private var lastSucceeded: Double { registry.value("m3agg_coordinator_rules_last_load_successful") }
    private var inForce: Double { registry.value("m3agg_coordinator_rules") }

    @Test func aGoodChangeIsApplied() throws {
        let directory = try TemporaryDirectory("rules")
        _ = try directory.write(Self.mapping("one"), to: "a.yaml")
        let folder = try open(directory)
        #expect(downsampler.rules.mappingRules.map(\.name) == ["one"])
        #expect(inForce == 1)
        #expect(lastSucceeded == 1)
        #expect(registry.value("m3agg_coordinator_rules_last_load_success_timestamp_seconds") > 1_700_000_000)
        #expect(folder.readiness == ReadinessCheck(name: "rules"))
        let version = downsampler.rules.version
        folder.check()
        #expect(downsampler.rules.version == version)
        _ = try directory.write(Self.rollup, to: "b.yml")
        folder.check()
        #expect(downsampler.rules.rollupRules.map(\.name) == ["sum"])
        #expect(downsampler.rules.version > version)
        #expect(inForce == 2)
        _ = try directory.write(Self.mapping("one", "two"), to: "a.yaml")
        folder.check()
        #expect(downsampler.rules.mappingRules.map(\.name) == ["one", "two"])
        #expect(inForce == 3)
        try FileManager.default.removeItem(atPath: directory.path("b.yml"))
        folder.check()
        #expect(downsampler.rules.rollupRules.isEmpty)
        #expect(inForce == 2)
        #expect(failures == 0)
        #expect(folder.problem == nil)
    }

    @Test func aBrokenChangeIsRefusedAndTheOldRulesStayInForce() throws {
        let directory = try TemporaryDirectory("rules")
        _ = try directory.write(Self.mapping("one"), to: "a.yaml")
        let folder = try open(directory)
        // One mistake keeps the good rules of the change out, too.
        _ = try directory.write(Self.mapping("two"), to: "a.yaml")
        _ = try directory.write(Self.mapping("three").replacingOccurrences(of: "[Max]", with: "[Mex]"), to: "b.yaml")
        folder.check()
        #expect(downsampler.rules.mappingRules.map(\.name) == ["one"])
        #expect(inForce == 1)
        #expect(failures == 1)
        let problem = try #require(folder.problem)
        #expect(problem.contains("b.yaml:4:"))
        #expect(problem.contains("Mex"))
        #expect(lastSucceeded == 0)
        #expect(folder.readiness.problem == nil)
        #expect(folder.readiness.warning?.contains(problem) == true)
        #expect(folder.readiness.warning?.contains("the old ones stay in force") == true)
        // The same mistake is told once.
        folder.check()
        #expect(failures == 1)
        #expect(folder.problem == problem)
        _ = try directory.write(Self.mapping("three"), to: "b.yaml")
        folder.check()
        #expect(folder.readiness == ReadinessCheck(name: "rules"))
        #expect(lastSucceeded == 1)
        #expect(failures == 1)
        #expect(downsampler.rules.mappingRules.map(\.name) == ["two", "three"])
    }

    @Test func aFolderThatGoesAwayTakesNoRulesWithIt() throws {
        let directory = try TemporaryDirectory("rules")
        _ = try directory.write(Self.mapping("one"), to: "rules/a.yaml")
        let folder = try RulesFolder(
            directory: directory.path("rules"), downsampler: downsampler, aggregator: AggregatorOptions(),
            registry: registry, logger: quiet)
        try FileManager.default.removeItem(atPath: directory.path("rules"))
        folder.check()
        #expect(downsampler.rules.mappingRules.map(\.name) == ["one"])
        #expect(folder.problem != nil)
        #expect(failures == 1)
    }

    @Test func aBrokenFileAtTheStartIsAnError() throws {
        let directory = try TemporaryDirectory("rules")
        _ = try directory.write("mappingRules: 7", to: "a.yaml")
        let error = #expect(throws: RuleFileErrors.self) { try open(directory) }
        #expect("\(try #require(error))".contains("a.yaml:1:"))
    }

    @Test func aRollupThatTheAggregatorsDelaysDoNotFitIsRefused() throws {
        let directory = try TemporaryDirectory("rules")
        _ = try directory.write(Self.rollup, to: "a.yaml")
        var aggregator = AggregatorOptions()
        aggregator.forwardingDelay = .constant(1_000_000_000)
        let error = #expect(throws: AggregatorOptionsError.self) { try open(directory, aggregator) }
        #expect("\(try #require(error))".contains("maximum forwarding delay C is 1.0 s"))
        // Such a rule is no better when it comes later.
        _ = try directory.write(Self.mapping("one"), to: "a.yaml")
        let folder = try open(directory, aggregator)
        _ = try directory.write(Self.rollup, to: "b.yaml")
        folder.check()
        #expect(downsampler.rules.rollupRules.isEmpty)
        #expect(downsampler.rules.mappingRules.count == 1)
        #expect(folder.problem?.contains("maximum forwarding delay") == true)
        #expect(failures == 1)
    }
}
