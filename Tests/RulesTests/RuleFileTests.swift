import Foundation
import Metrics
import Rules
import TestKit
import Testing

@Suite struct RuleFileTests {
    private func errors(_ yaml: String) -> [String] {
        do {
            _ = try RuleFiles([("r.yaml", yaml)])
            return []
        } catch {
            return error.issues.map(\.description)
        }
    }

    @Test func everyShippedFileLoads() throws {
        let directory = Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("rules").path
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".yaml") }
        #expect(names.contains("demo.yaml"))
        for name in names {
            let files = try RuleFiles(files: [directory + "/" + name])
            #expect(!files.rollupRules.isEmpty || !files.mappingRules.isEmpty, "\(name)")
            #expect(files.warnings.isEmpty, "\(name)")
        }
        let all = try RuleFiles(directory: directory)
        #expect(all.rollupRules.count == 8)
        #expect(all.mappingRules.count == 3)
    }

    @Test(arguments: [
        "mappingRules:\n  - {filter: \"a:b\", storagePolicies: [10s:2d], aggregations: [Last]}",
        "rules:\n  mappingRules:\n  - filter: \"a:b\"\n    aggregations: [last]\n    storagePolicies: [{resolution: 10s, retention: 48h}]",
        "downsample:\n  matcher: {}\n  rules:\n    mappingRules:\n    - {filter: \"a:b\", storagePolicies: [10s:2d], aggregations: [Last]}",
    ])
    func rulesMayStandAtTheTopOrUnderM3sKeys(yaml: String) throws {
        let rule = try #require(try RuleFiles([("r.yaml", yaml)]).mappingRules.first)
        #expect(rule.aggregationID == AggregationID([.last]))
        #expect(rule.storagePolicies == [try StoragePolicy(parsing: "10s:2d")])
    }

    @Test func filesWithoutRulesAreGood() throws {
        for yaml in ["", "# nothing\n", "mappingRules:\nrollupRules: []\n", "rules:\n"] {
            #expect(try RuleFiles([("r.yaml", yaml)]).mappingRules.isEmpty)
        }
    }

    @Test func errorsNameFileLineColumnFieldValueAndRemedy() {
        let yaml = """
            mappingRules:
              - name: keep
                filter: "app:**"
                storagePolicies: [10s:2d]
            rollupRules:
              - filter: "app:a"
                transform: []
              - filter: "app:a"
                storagePolicies: [10:2d]
                transforms:
                  - transform: {type: increase}
            """
        #expect(
            errors(yaml) == [
                "r.yaml:3:13: mappingRules[0].filter 'app:**': invalid pattern '**': '*' may stand once, or once at each "
                    + "end around some text; see the filter language in docs/rules.md",
                "r.yaml:7:5: rollupRules[0].transform: unknown field; did you mean 'transforms'? known here: name, filter, "
                    + "transforms, storagePolicies, tags, suffix, quantiles",
                "r.yaml:6:5: rollupRules[0]: 'transforms' is missing; list at least one of transform, rollup, aggregate",
                "r.yaml:6:5: rollupRules[0]: 'storagePolicies' is missing; say where results go, such as [10s:48h]",
                "r.yaml:11:27: rollupRules[1].transforms[0].transform.type 'increase': no such transform; did you mean "
                    + "'Increase'? known: Absolute, PerSecond, Increase, Add, Reset",
                "r.yaml:9:23: rollupRules[1].storagePolicies[0] '10:2d': invalid storage policy '10:2d': resolution '10': "
                    + "a number has no unit; write RESOLUTION[@PRECISION]:RETENTION, such as 10s:2d",
            ])
    }

    private func rollup(_ steps: String, _ rest: String = "") -> String {
        "rollupRules:\n- filter: \"a:b\"\n  storagePolicies: [10s:2d]\n  transforms: [\(steps)]\n\(rest)"
    }

    @Test(arguments: [
        ("{rollup: {metricName: x, groupBy: [a], excludeBy: [b]}}", "either groupBy or excludeBy"),
        ("{transform: {type: Increase}, aggregate: {type: Last}}", "not several"),
        ("{}", "says nothing"),
        ("{transform: {type: Increase}}, {aggregate: {type: Last}}", "only possible as the first step"),
        ("{transform: {type: Increase}}, {transform: {type: PerSecond}}", "a second PerSecond"),
        (
            "{transform: {type: Increase}}, {rollup: {metricName: x, aggregations: [P99]}}",
            "a quantile behind another step"
        ),
        (
            "{rollup: {metricName: x, aggregations: [P99]}}, {transform: {type: Add}}",
            "cannot stand before another step"
        ),
        ("{rollup: {metricName: x, aggregations: [Sum, Max]}}, {rollup: {metricName: y}}", "only the last rollup"),
        ("{rollup: {metricName: \"{{ .MetricName }}{{ .MetricName }}\"}}", "more than once"),
        ("{rollup: {metricName: \"{{.MetricName}}\"}}", "one space on each side"),
        ("{rollup: {metricName: \"\"}}", "the name is empty"),
        ("{rollup: {groupBy: [a]}}", "'metricName' is missing"),
        ("{rollup: {metricName: x, groupBy: [a, a]}}", "stands twice"),
        ("{rollup: {metricName: x, aggregations: [Summ]}}", "did you mean 'Sum'?"),
        ("{rollup: {metricName: x, groupby: [a]}}", "did you mean 'groupBy'?"),
        ("{transform: {type: Rate}}", "known: Absolute"),
        ("{rollup: [1]}", "a mapping of field names"),
    ])
    func stepsThatCannotWorkAreErrors(steps: String, part: String) {
        let errors = errors(rollup(steps))
        #expect(errors.count == 1)
        #expect(errors.first?.contains(part) == true, "\(errors)")
        #expect(errors.first?.hasPrefix("r.yaml:4:") == true, "\(errors)")
    }

    @Test func quantileAndLastCannotShareAMessage() {
        let yaml = rollup("{rollup: {metricName: x, aggregations: [Last, P99]}}")
        #expect(errors(yaml).isEmpty)
        #expect(errors(yaml + "  suffix: none").first?.contains("quantiles need a timer") == true)
        #expect(errors(yaml + "  suffix: nono").first?.contains("no such suffix mode") == true)
    }

    @Test func anUnknownQuantileMethodIsAnError() {
        let yaml = rollup("{rollup: {metricName: x, aggregations: [P99]}}")
        #expect(errors(yaml + "  quantiles: ddsketch").isEmpty)
        #expect(errors(yaml + "  quantiles: tdigest").first?.contains("write one of ddsketch, m3") == true)
    }

    @Test(arguments: [
        ("mappingRules: [{filter: \"a:b\"}]", "neither keeps nor drops"),
        ("mappingRules: [{filter: \"a:b\", drop: true, storagePolicies: [10s:2d]}]", "cannot also keep"),
        ("mappingRules: [{filter: \"a:b\", drop: perhaps}]", "true or false"),
        ("mappingRules: [{storagePolicies: [10s:2d]}]", "'filter' is missing"),
        ("mappingRules: [{filter: \"a:b a:c\", storagePolicies: [10s:2d]}]", "stands twice in filter"),
        ("mappingRules: [{filter: \"a:b\", storagePolicies: [0s:2d]}]", "more than 0"),
        ("mappingRules: [{filter: \"a:b\", storagePolicies: [1h:10m]}]", "shorter than one window"),
        ("mappingRules: [{filter: \"a:b\", storagePolicies: [10s:2d, 10s:48h]}]", "stands twice"),
        ("mappingRules: [{filter: \"a:b\", storagePolicies: [{resolution: 10s}]}]", "a resolution and a retention"),
        ("mappingRules: [{filter: \"a:b\", storagePolicies: 10s:2d}]", "a list is expected"),
        ("mappingRules: [{filter: \"a:b\", storagePolicies: [10s:2d], tags: [{value: x}]}]", "the tag has no name"),
        ("mappingRule: []", "did you mean 'mappingRules'?"),
        ("mappingRules: [\n", "it is no YAML"),
        ("mappingRules: []\nmappingRules: []\n", "stands twice in one mapping"),
        ("- 1", "a mapping of field names"),
    ])
    func fieldsThatAreWrongAreErrors(yaml: String, part: String) {
        let errors = errors(yaml)
        #expect(errors.contains { $0.contains(part) }, "\(errors)")
        #expect(errors.allSatisfy { $0.hasPrefix("r.yaml:") })
    }

    @Test func oneBadFileKeepsAllFilesOut() {
        let good = "mappingRules: [{filter: \"a:b\", storagePolicies: [10s:2d]}]"
        let error = #expect(throws: RuleFileErrors.self) {
            try RuleFiles([("good.yaml", good), ("bad.yaml", "mappingRules: [{filter: \"a:b\"}]"), ("worse.yaml", "[")])
        }
        #expect(error?.issues.map(\.file) == ["bad.yaml", "worse.yaml"])
    }

    @Test func ruleNamesAreUniqueInAllFiles() {
        let yaml = "mappingRules: [{name: n, filter: \"a:b\", storagePolicies: [10s:2d]}]"
        let error = #expect(throws: RuleFileErrors.self) { try RuleFiles([("a.yaml", yaml), ("b.yaml", yaml)]) }
        #expect(error?.issues.first?.description.contains("first at a.yaml:1") == true)
        let unnamed = "mappingRules: [{filter: \"a:b\", storagePolicies: [10s:2d]}]"
        #expect(throws: Never.self) { try RuleFiles([("a.yaml", unnamed), ("b.yaml", unnamed)]) }
    }

    @Test func aBareSumAndForeignSettingsAreWarnings() throws {
        let files = try RuleFiles([
            ("r.yaml", rollup("{rollup: {metricName: x, aggregations: [Sum]}}")),
            ("m3.yaml", "listenAddress: 0.0.0.0:7201\ndownsample:\n  matcher: {}\n"),
        ])
        #expect(files.warnings.map(\.field) == ["rollupRules[0].transforms[0]", "listenAddress", "downsample.matcher"])
        let quiet = try RuleFiles([
            ("r.yaml", rollup("{aggregate: {type: Last}}, {rollup: {metricName: x, aggregations: [Sum]}}"))
        ])
        #expect(quiet.warnings.isEmpty)
    }

    @Test func aDirectoryThatIsMissingIsAnErrorThatNamesIt() {
        let error = #expect(throws: RuleFileErrors.self) { try RuleFiles(directory: "/nonexistent/rules") }
        #expect(error?.description.contains("/nonexistent/rules") == true)
    }

    @Test func damagedFilesAreRefusedWithoutATrap() throws {
        let root = Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
        let good = try Data(contentsOf: root.appendingPathComponent("rules/demo.yaml"))
        var random = SystemRandomNumberGenerator()
        var refused = 0
        for _ in 0..<1000 {
            var bytes = Array(good)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: bytes.indices, using: &random)
                bytes[at] = Array("{}[]:-\n \"*&!|>x0".utf8).randomElement(using: &random) ?? 0
            }
            do {
                _ = try RuleFiles([("r.yaml", String(decoding: bytes, as: UTF8.self))])
            } catch {
                refused += 1
                #expect(error.issues.allSatisfy { $0.file == "r.yaml" && !$0.problem.isEmpty })
            }
        }
        #expect(refused > 100)
    }
}
