import Coordinator
import Metrics
import Rules
import Storage
import TestKit
import Testing
import WireFormat

@Suite struct OutputTests {
    private func mapping(_ rest: String) -> String { "mappingRules:\n- {filter: \"__name__:m\", \(rest)}\n" }

    private func summary(_ sent: [DownsampleHarness.Sent]) throws -> [String] {
        try sent.map { message in
            let types = try message.pipelines().map { pipeline in
                try pipeline.aggregationID.types().map(\.name).joined(separator: ",") + "@"
                    + pipeline.storagePolicies.map(\.description).joined(separator: "+")
            }
            return "\(message.type.name) \(try message.labels()) \(types.joined(separator: " "))"
        }.sorted()
    }

    @Test func withoutAMatchingRuleNothingIsSent() throws {
        let harness = try DownsampleHarness(mapping("aggregations: [Last], storagePolicies: [10s:2d]"))
        #expect(try harness.send("__name__=other a=1").isEmpty)
        #expect(try DownsampleHarness().send("__name__=m a=1").isEmpty)
    }

    @Test func oneAggregationKeepsThePlainName() throws {
        let harness = try DownsampleHarness(mapping("aggregations: [Max], storagePolicies: [10s:2d, 1m:40d]"))
        #expect(try summary(try harness.send("__name__=m a=1")) == ["gauge m{a=\"1\"} Max@10s:2d+1m:40d"])
    }

    @Test func severalAggregationsMakeOneOutputEach() throws {
        let harness = try DownsampleHarness(mapping("aggregations: [Min, Max, Sum, P99], storagePolicies: [10s:2d]"))
        #expect(
            try summary(try harness.send("__name__=m a=1")) == [
                "gauge m_max{a=\"1\"} Max@10s:2d", "gauge m_min{a=\"1\"} Min@10s:2d", "gauge m_sum{a=\"1\"} Sum@10s:2d",
                "timer m_p99{a=\"1\"} P99@10s:2d",
            ])
    }

    @Test func suffixNoneSendsOneMessageAsM3Does() throws {
        let harness = try DownsampleHarness(
            mapping("aggregations: [Min, Max], storagePolicies: [10s:2d], suffix: none"))
        #expect(try summary(try harness.send("__name__=m a=1")) == ["gauge m{a=\"1\"} Min,Max@10s:2d"])
    }

    @Test func aQuantileAloneKeepsTheNameAndMakesATimer() throws {
        let harness = try DownsampleHarness(
            mapping("aggregations: [P99], storagePolicies: [10s:2d]")
                + "- {filter: \"__name__:m\", aggregations: [Last], storagePolicies: [1m:2d]}")
        #expect(
            try summary(try harness.send("__name__=m a=1")) == [
                "gauge m{a=\"1\"} Last@1m:2d", "timer m{a=\"1\"} P99@10s:2d",
            ])
    }

    @Test func variantsOfSeveralRulesForOneIDTravelTogether() throws {
        let harness = try DownsampleHarness(
            mapping("aggregations: [Min, Max], storagePolicies: [10s:2d]")
                + "- {filter: \"__name__:m a:*\", aggregations: [Max, Min], storagePolicies: [1m:2d]}")
        #expect(
            try summary(try harness.send("__name__=m a=1")) == [
                "gauge m_max{a=\"1\"} Max@10s:2d Max@1m:2d", "gauge m_min{a=\"1\"} Min@10s:2d Min@1m:2d",
            ])
    }

    @Test func timersGoAsTimersAndTheirDefaultsAreElevenOutputs() throws {
        let harness = try DownsampleHarness(mapping("storagePolicies: [10s:2d]"))
        let sent = try harness.send("__name__=m a=1", m3Type: 2)
        #expect(sent.count == 11)
        #expect(sent.allSatisfy { $0.type == .timer })
        #expect(try Set(sent.map { try $0.labels() }).count == 11)
        #expect(try summary(sent).contains("timer m_p95{a=\"1\"} P95@10s:2d"))
        #expect(try summary(try harness.send("__name__=m a=1")) == ["gauge m{a=\"1\"} @10s:2d"])
        #expect(try summary(try harness.send("__name__=m a=1", m3Type: 1)) == ["counter m{a=\"1\"} @10s:2d"])
    }

    @Test func aRollupQuantileIsATimerWithoutAPipelineUnderTheRollupID() throws {
        let harness = try DownsampleHarness(
            """
            rollupRules:
            - filter: "__name__:latency service:*"
              transforms: [{rollup: {metricName: latency_p99, groupBy: [service], aggregations: [P99]}}]
              storagePolicies: [10s:48h]
            """)
        for m3Type in [UInt8(0), 2] {
            let sent = try harness.send("__name__=latency service=api instance=i", value: 0.25, m3Type: m3Type)
            #expect(try summary(sent) == ["timer latency_p99{__rollup__=\"true\", service=\"api\"} P99@10s:2d"])
            #expect(try sent.first?.pipelines().first?.pipeline.isEmpty == true)
            #expect(sent.first?.value == 0.25)
        }
    }

    @Test func rollupMessagesCarryTheRulesCutoverAndOwnMessagesNone() throws {
        let yaml = """
            mappingRules: [{filter: "__name__:m", aggregations: [Last], storagePolicies: [10s:2d]}]
            rollupRules:
            - filter: "__name__:m"
              transforms: [{rollup: {metricName: r, groupBy: [a], aggregations: [Max]}}]
              storagePolicies: [10s:2d]
            """
        let sent = try DownsampleHarness(yaml, cutoverNanos: 77).send("__name__=m a=1 b=2")
        #expect(try sent.map { try $0.stages().map(\.cutoverNanos) } == [[0], [77]])
        #expect(sent.map(\.shard) == sent.map { Murmur3.hash32($0.id) % 64 })
    }

    @Test func dropsApplyOnlyWhenNothingElseMatchesButAlwaysKeepSamplesOut() throws {
        let drop = "mappingRules:\n- {filter: \"__name__:m*\", drop: true}\n"
        let harness = try DownsampleHarness(
            drop + "- {filter: \"__name__:m2\", aggregations: [Last], storagePolicies: [10s:2d]}\n")
        for (name, messages, stored) in [("m1", 0, 0), ("m2", 1, 0), ("n", 0, 1)] {
            let body = DownsampleHarness.request([("__name__", name)], [(harness.nowNanos / 1_000_000, 1)])
            let result = try harness.handle(body)
            #expect(result.messages.count == messages, "\(name)")
            #expect(result.samples.count == stored, "\(name)")
            #expect(result.counts.stored + result.counts.notStored == 1)
        }
    }

    @Test func autoMappingFillsWhatMappingRulesLeaveAndYieldsToDrops() throws {
        let yaml = """
            mappingRules:
            - {filter: "__name__:m", aggregations: [Max], storagePolicies: [10s:2d]}
            - {filter: "__name__:gone", drop: true}
            """
        let policies = [try StoragePolicy(parsing: "10s@1ms:2d"), try StoragePolicy(parsing: "1m:40d")]
        let harness = try DownsampleHarness(yaml, options: DownsamplerOptions(autoMappingPolicies: policies))
        #expect(try summary(try harness.send("__name__=m")) == ["gauge m Max@10s:2d Last@1m:40d"])
        #expect(try summary(try harness.send("__name__=other")) == ["gauge other Last@10s@1ms:2d Last@1m:40d"])
        #expect(try harness.send("__name__=gone").isEmpty)
    }

    @Test func ruleLabelsMakeASeparateID() throws {
        let harness = try DownsampleHarness(
            mapping(
                "aggregations: [P99], storagePolicies: [10s:2d], tags: [{name: __m3_prom_summary__}, {name: tier, value: gold}]"
            ) + "- {filter: \"__name__:m\", aggregations: [Last], storagePolicies: [1m:2d]}")
        #expect(
            try summary(try harness.send("__name__=m a=1")) == [
                "gauge m{a=\"1\"} Last@1m:2d", "timer m{a=\"1\", quantile=\"0.99\", tier=\"gold\"} P99@10s:2d",
            ])
    }

    @Test func graphitePathsGetPrefixAndAggregation() throws {
        let harness = try DownsampleHarness(
            mapping(
                "aggregations: [Sum], storagePolicies: [10s:2d], tags: [{name: __m3_graphite_prefix__, value: stats.x}, "
                    + "{name: __m3_graphite_aggregation__}]"))
        let id = try #require(try harness.send("__name__=m __g0__=a __g1__=b").first?.labels())
        #expect(id == "m{__g0__=\"stats\", __g1__=\"x\", __g2__=\"a\", __g3__=\"b\", __g4__=\"sum\"}")
    }

    @Test func theDropTimestampLabelMakesMessagesUntimed() throws {
        let harness = try DownsampleHarness(
            mapping(
                "aggregations: [Sum], storagePolicies: [10s:2d], tags: [{name: __m3_drop_timestamp__, value: \"x\"}]"))
        let kinds: [(UInt8, PayloadKind)] = [(0, .gauge), (1, .counter), (2, .batchTimer)]
        for (m3Type, kind) in kinds {
            let sent = try harness.send("__name__=m", value: 3, m3Type: m3Type)
            #expect(sent.map(\.kind) == [kind])
        }
    }

    @Test func idsComeInTheOrderOfSwapRemoval() throws {
        let harness = try DownsampleHarness(mapping("aggregations: [Last], storagePolicies: [10s:2d]"))
        let sent = try harness.send("Upper=u __name__=m instance=i job=j zone=z __m3_secret=s")
        let id = try #require(sent.first?.id)
        let names = try id.withUnsafeBytes { bytes in
            var tags = try EncodedTags.Iterator(bytes)
            var names: [String] = []
            while let tag = try tags.next() { names.append(String(decoding: bytes[tag.name], as: UTF8.self)) }
            return names
        }
        #expect(names == ["Upper", "zone", "job", "instance", "__name__"])
    }

    @Test(arguments: [
        (Int32(1), "m", "08011001"), (0, "m", ""), (2, "m", "0802"), (3, "m", "08031001"), (4, "m_count", "08041001"),
        (4, "m", "0804"), (5, "m_sum", "08051001"), (5, "m", "0805"), (7, "m", "0807"),
    ])
    func annotationsSayThePrometheusType(type: Int32, name: String, hex: String) throws {
        let yaml = "mappingRules: [{filter: \"__name__:*\", aggregations: [Last], storagePolicies: [10s:2d]}]"
        let harness = try DownsampleHarness(yaml, options: DownsamplerOptions(storesMetricTypes: true))
        #expect(try harness.send("__name__=\(name)", prometheusType: type).first?.annotation.hex == hex)
        #expect(try DownsampleHarness(yaml).send("__name__=\(name)", prometheusType: type).first?.annotation == [])
    }
}
