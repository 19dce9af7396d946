import Foundation
import Metrics
import Rules
import TestKit
import Testing

@Suite struct RuleMatchTests {
    private func tags(_ text: String) -> TagList {
        var list = TagList()
        for pair in text.split(separator: " ") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            list.append(name: Array(parts[0].utf8), value: Array(parts[1].utf8))
        }
        list.append(name: Array("__m3_type__".utf8), value: Array("gauge".utf8))
        list.sort()
        return list
    }

    private func labels(_ id: [UInt8]) throws -> String { try Labels(encodedTags: id).description }

    private func match(_ yaml: String, _ metric: String, cutover: Int64 = 0) throws -> MatchResult {
        try RuleFiles([("r.yaml", yaml)]).ruleSet(version: 7, cutoverNanos: cutover).match(tags(metric))
    }

    private func rollup(_ filter: String, _ step: String) -> String {
        "rollupRules:\n- filter: \"\(filter)\"\n  storagePolicies: [10s:2d]\n  transforms: [\(step)]\n"
    }

    @Test func aRuleChoosesHowQuantilesAreWorkedOut() throws {
        let rollups = rollup("__name__:m", "{rollup: {metricName: r, aggregations: [P99]}}")
        #expect(try match(rollups, "__name__=m").rollups.first?.metadata.pipelines.first?.quantileMethod == nil)
        let sketched = try match(rollups + "  quantiles: ddsketch", "__name__=m")
        #expect(sketched.rollups.first?.metadata.pipelines.map(\.quantileMethod) == [.ddsketch])
        let mapped = try match(
            "mappingRules: [{filter: \"__name__:m\", aggregations: [P99], storagePolicies: [10s:2d], quantiles: m3}]",
            "__name__=m")
        #expect(mapped.pipelines.map(\.metadata.quantileMethod) == [.m3])
    }

    @Test func groupByKeepsTheListedLabelsAndMarksTheRollup() throws {
        let yaml = rollup(
            "__name__:http_requests app:*",
            "{rollup: {metricName: http_by_code, groupBy: [code, app], aggregations: [Sum]}}")
        let result = try match(yaml, "__name__=http_requests app=a code=200 pod=p", cutover: 5)
        let rollup = try #require(result.rollups.first)
        #expect(try labels(rollup.id) == "http_by_code{__rollup__=\"true\", app=\"a\", code=\"200\"}")
        #expect(rollup.metadata.cutoverNanos == 5)
        #expect(
            rollup.metadata.pipelines == [
                PipelineMetadata(
                    aggregationID: AggregationID([.sum]), storagePolicies: [try StoragePolicy(parsing: "10s:2d")])
            ])
        #expect(result.version == 7)
    }

    @Test func aMissingGroupingLabelIsMissedOnlyBeforeTheLastLabel() throws {
        let yaml = rollup("__name__:m", "{rollup: {metricName: x, groupBy: [b]}}")
        #expect(try match(yaml, "__name__=m c=1").rollups.isEmpty)
        let tolerated = try #require(try match(yaml, "__name__=m a=1").rollups.first)
        #expect(try labels(tolerated.id) == "x{__rollup__=\"true\"}")
    }

    @Test func excludeByKeepsAllButTheListedLabels() throws {
        let yaml = rollup("__name__:m", "{rollup: {metricName: \"{{ .MetricName }}_by\", excludeBy: [pod, absent]}}")
        let rollup = try #require(try match(yaml, "__name__=m app=a pod=p zone=z").rollups.first)
        #expect(try labels(rollup.id) == "m_by{__rollup__=\"true\", app=\"a\", zone=\"z\"}")
    }

    @Test func ruleTagsStandBehindTheOthersUnsorted() throws {
        let yaml =
            rollup("__name__:m", "{rollup: {metricName: x, groupBy: [zone]}}") + "  tags: [{name: added, value: v}]"
        let rollup = try #require(try match(yaml, "__name__=m zone=z").rollups.first)
        var builder = EncodedTags.Builder()
        for (name, value) in [("__name__", "x"), ("__rollup__", "true"), ("zone", "z"), ("added", "v")] {
            try builder.append(name: Array(name.utf8), value: Array(value.utf8))
        }
        #expect(rollup.id == builder.bytes)
    }

    @Test func aTransformFirstKeepsTheMetricsOwnIDWithADefaultPipelineBeside() throws {
        let yaml = rollup(
            "__name__:m",
            "{transform: {type: Increase}}, {rollup: {metricName: x, aggregations: [Sum]}}, {transform: {type: Add}}")
        let result = try match(yaml, "__name__=m a=1")
        #expect(result.rollups.isEmpty)
        #expect(result.pipelines.count == 2)
        #expect(result.pipelines.first?.metadata == PipelineMetadata())
        let ops = try #require(result.pipelines.last?.metadata.pipeline.ops)
        #expect(ops.count == 3)
        #expect(ops.first == .transformation(.increase))
        #expect(ops.last == .transformation(.add))
    }

    @Test func severalAggregationsMakeOneOutputEachUnlessSuffixIsNone() throws {
        let yaml = rollup("__name__:m", "{rollup: {metricName: x, groupBy: [a], aggregations: [Max, Sum, P99]}}")
        let ids = try match(yaml, "__name__=m a=1").rollups.map { try labels($0.id) }
        #expect(ids.sorted() == ["x_max", "x_p99", "x_sum"].map { $0 + "{__rollup__=\"true\", a=\"1\"}" })
        let single = try match(yaml + "  suffix: none", "__name__=m a=1").rollups
        #expect(try single.map { try labels($0.id) } == ["x{__rollup__=\"true\", a=\"1\"}"])
        #expect(single.first?.metadata.pipelines.first?.aggregationID == AggregationID([.max, .sum, .p99]))
    }

    @Test func filtersMayAskForTheTypeThatIsNoLabel() throws {
        let yaml = "mappingRules: [{filter: \"__m3_type__:gauge\", storagePolicies: [10s:2d]}]"
        #expect(try match(yaml, "__name__=m").pipelines.count == 1)
        let other = "mappingRules: [{filter: \"__m3_type__:timer\", storagePolicies: [10s:2d]}]"
        #expect(try match(other, "__name__=m").pipelines.isEmpty)
    }

    @Test func equalPipelinesOfTwoRulesAreOne() throws {
        let rule = "{filter: \"__name__:m\", aggregations: [Last], storagePolicies: [10s:2d]}"
        #expect(try match("mappingRules: [\(rule), \(rule)]", "__name__=m").pipelines.count == 1)
    }

    @Test func theDemoRulesMatchTheDemoSeries() throws {
        let root = Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
        let rules = try RuleFiles(files: [root.appendingPathComponent("rules/demo.yaml").path]).ruleSet(version: 1)
        let counter = rules.match(tags("__name__=demo_requests_total service=api instance=i1 code=200"))
        #expect(counter.pipelines.count == 3)
        let gauge = rules.match(tags("__name__=demo_inflight_requests service=api instance=i1"))
        #expect(
            try gauge.rollups.map { try labels($0.id) } == [
                "demo_inflight_requests_max{__rollup__=\"true\", service=\"api\"}"
            ])
        let latency = rules.match(tags("__name__=demo_request_latency_seconds service=api instance=i1"))
        #expect(latency.rollups.first?.metadata.pipelines.first?.aggregationID == AggregationID([.p99]))
    }
}
