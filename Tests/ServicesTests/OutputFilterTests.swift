import Cluster
import MessageQueue
import Metrics
import NodeConfiguration
import Telemetry
import Testing

@testable import Services

@Suite struct OutputFilterTests {
    private let policy = try? StoragePolicy(parsing: "10s:2d")

    private func isRefused(
        _ filter: OutputFilter, shard: UInt32 = 5, random: UInt64 = 0
    ) -> OutputFilter.Reason? {
        filter.refusal(shard: shard, policy: policy, random: { random })
    }

    @Test func noConditionLetsEverythingThrough() {
        #expect(isRefused(OutputFilter()) == nil)
    }

    @Test func everySetOfShardsHasToHaveTheShard() {
        let filter = OutputFilter(shardSets: [[0...3, 5...5], [4...9]])
        #expect(isRefused(filter, shard: 5) == nil)
        #expect(isRefused(filter, shard: 3) == .shardSet)
        #expect(isRefused(filter, shard: 9) == .shardSet)
    }

    @Test func policiesAreComparedByMeaning() throws {
        let same = OutputFilter(storagePolicies: [[try StoragePolicy(parsing: "10s:48h")]])
        #expect(isRefused(same) == nil)
        let other = OutputFilter(storagePolicies: [[try StoragePolicy(parsing: "1m:48h")]])
        #expect(isRefused(other) == .storagePolicy)
        #expect(other.refusal(shard: 1, policy: nil, random: { 0 }) == .unreadable)
    }

    @Test func aShareIsDrawnFromSixteenMillionSteps() {
        let half = OutputFilter(shares: [0.5])
        #expect(isRefused(half, random: (1 << 23) - 1) == nil)
        #expect(isRefused(half, random: 1 << 23) == .percentage)
        #expect(isRefused(OutputFilter(shares: [0]), random: 0) == .percentage)
        #expect(isRefused(OutputFilter(shares: [1]), random: .max) == nil)
    }

    @Test func aSelectionNamesShardsAnewAndCountsWhatItKeepsBack() throws {
        let registry = Registry()
        var batch = PayloadBatch()
        let names = (0..<64).map { "m\($0)" }
        for name in names { batch.append(shard: 60, try Message.aggregated(name, 1, atMs: 1_000)) }
        let selection = OutputSelection(
            filter: OutputFilter(shardSets: [[0...3]]), numShards: 8, output: "o", registry: registry)
        let rest = selection.apply(to: batch)
        let expected = try names.map { try Message.shard($0, of: 8) }.filter { $0 <= 3 }
        #expect(rest.entries.map(\.shard) == expected)
        #expect(!expected.isEmpty && expected.count < 64)
        let filtered = registry.value(
            "m3agg_aggregator_filtered_total", labels: [("output", "o"), ("reason", "shard_set")])
        #expect(Int(filtered) == 64 - expected.count)
    }

    @Test func eachServiceHasItsFiltersAndTheOthersNone() throws {
        let text = """
            node:
              embedded: /tmp/unused
            aggregator:
              flush:
                handlers:
                  - dynamicBackend:
                      name: m3msg
                      hashType: murmur32
                      producer: {writer: {topicName: aggregated_metrics}}
                      filters:
                        - serviceID: {name: one, environment: default_env, zone: embedded}
                          shardSet: 0..3
                      percentageFilters:
                        - serviceID: {name: one, environment: default_env, zone: embedded}
                          percentage: 0.25
                        - serviceID: {name: two, environment: default_env, zone: embedded}
                          percentage: 0.5
            """
        let loaded = try AggregatorConfiguration.read([(file: "n.yml", bytes: Array(text.utf8))], environment: [:])
        guard case .m3msg(let output) = loaded.configuration.outputs[0] else {
            Issue.record("no output")
            return
        }
        let parts = RoleOutputs.parts(output)
        func serving(_ name: String) -> [OutputFilter] {
            parts.filter { $0.accepts(ServiceID(name: name)) }.map(\.filter)
        }
        #expect(serving("one") == [OutputFilter(shardSets: [[0...3]], shares: [0.25])])
        #expect(serving("two") == [OutputFilter(shares: [0.5])])
        #expect(serving("three") == [OutputFilter()])
    }
}
