import Metrics
import Rules
import Storage
import Testing

@testable import Coordinator

@Suite struct PlanCacheTests {
    private func rules(_ version: UInt64, _ aggregation: String) throws -> RuleSet {
        try RuleFiles([
            ("r", "mappingRules: [{filter: \"__name__:*\", aggregations: [\(aggregation)], storagePolicies: [10s:2d]}]")
        ]).ruleSet(version: version)
    }

    private func plan(_ downsampler: Downsampler, _ index: Int, _ type: MetricType = .gauge) throws -> SeriesPlan {
        let labels = try Labels([("__name__", "m\(index)")])
        return try labels.encoded.withUnsafeBytes { key in
            try downsampler.plan(key: key, attributes: SeriesAttributes(metricType: type)) {
                () throws(SeriesRejection) in labels
            }
        }
    }

    private func name(_ plan: SeriesPlan) throws -> String? {
        try plan.withCanonicalLabels { try Labels(encodedTags: $0)["__name__"] }
    }

    @Test func aSeriesIsPlannedOnceUntilRulesChange() throws {
        let downsampler = Downsampler(rules: try rules(1, "Min"))
        let first = try plan(downsampler, 1)
        #expect(try plan(downsampler, 1) === first)
        #expect(downsampler.cacheState.misses == 1)
        downsampler.setRules(try rules(2, "Max"))
        let second = try plan(downsampler, 1)
        #expect(second !== first)
        #expect(second.messageDescriptions.first?.metadatas != first.messageDescriptions.first?.metadatas)
        #expect(downsampler.cacheState.misses == 2)
        #expect(downsampler.rules.version == 2)
    }

    @Test func seriesOfOtherTypesHavePlansOfTheirOwn() throws {
        let downsampler = Downsampler(rules: try rules(1, "Min"))
        #expect(try plan(downsampler, 1).messageDescriptions.first?.type == .gauge)
        #expect(try plan(downsampler, 1, .timer).messageDescriptions.first?.type == .timer)
        #expect(downsampler.cacheState.series == 2)
    }

    @Test func theCacheHoldsNoMoreThanItsLimits() throws {
        let few = Downsampler(options: DownsamplerOptions(maxCachedSeries: 640))
        for index in 0..<5000 { #expect(try name(try plan(few, index)) == "m\(index)") }
        #expect(few.cacheState.series <= 640)
        #expect(few.cacheState.series > 500)
        #expect(few.cacheState.evictions == 5000 - UInt64(few.cacheState.series))
        let small = Downsampler(options: DownsamplerOptions(maxCachedBytes: 64 * 2000))
        for index in 0..<5000 { #expect(try name(try plan(small, index)) == "m\(index)") }
        #expect(small.cacheState.bytes <= 64 * 2000)
        #expect(small.cacheState.series > 64)
    }

    @Test func plansThatAreUsedStayWhenOthersComeOnce() throws {
        let downsampler = Downsampler(options: DownsamplerOptions(maxCachedSeries: 64 * 32))
        for index in 0..<200 { _ = try plan(downsampler, index) }
        for round in 1...20 {
            for index in 0..<200 { _ = try plan(downsampler, index) }
            for index in 0..<400 { _ = try plan(downsampler, round * 1000 + index) }
        }
        let before = downsampler.cacheState.misses
        for index in 0..<200 { _ = try plan(downsampler, index) }
        #expect(downsampler.cacheState.misses - before < 20)
    }

    /// Against a dictionary as the model; hashes collide on purpose.
    @Test func theTableAgreesWithADictionaryUnderEviction() throws {
        var random = SystemRandomNumberGenerator()
        var table = SeriesPlanTable(maxPlans: 50, maxBytes: 1 << 20)
        var known: [[UInt8]: SeriesPlan] = [:]
        var generation: UInt64 = 1
        table.follow(generation: generation)
        for step in 0..<20_000 {
            let key = Array("k\(Int.random(in: 0..<120, using: &random))".utf8)
            let hash = UInt64(key.last ?? 0) % 7 &* 0x9e37_79b9_7f4a_7c15
            if step % 5000 == 2500 {
                generation += 1
                table.follow(generation: generation)
                known = [:]
            }
            let found = key.withUnsafeBytes { table.find(hash, $0, SeriesAttributes(), generation: generation) }
            if let found {
                #expect(found === known[key])
            } else {
                let plan = SeriesPlan(
                    hash: hash, attributes: SeriesAttributes(), bytes: key, key: 0..<key.count,
                    series: SeriesReference(canonicalLabels: []), messages: [], storesSamples: true, isUntimed: false)
                table.insert(plan, generation: generation)
                known[key] = plan
                #expect(
                    key.withUnsafeBytes { table.find(hash, $0, SeriesAttributes(), generation: generation) } === plan)
            }
            #expect(table.count <= 50)
        }
        #expect(table.evictions > 1000)
        #expect(table.count == 50)
    }

    @Test func aPlanOfOldRulesIsNotKept() throws {
        var table = SeriesPlanTable(maxPlans: 10, maxBytes: 1 << 20)
        let key: [UInt8] = [1]
        let plan = SeriesPlan(
            hash: 1, attributes: SeriesAttributes(), bytes: key, key: 0..<1,
            series: SeriesReference(canonicalLabels: []), messages: [], storesSamples: true, isUntimed: false)
        table.follow(generation: 5)
        table.insert(plan, generation: 4)
        #expect(table.count == 0)
        table.insert(plan, generation: 5)
        #expect(table.count == 1)
        key.withUnsafeBytes {
            #expect(table.find(1, $0, SeriesAttributes(), generation: 4) == nil)
            #expect(table.find(1, $0, SeriesAttributes(), generation: 5) === plan)
        }
        #expect(table.count == 1)
    }

    @Test func threadsMayAskAndChangeRulesTogether() async throws {
        let downsampler = Downsampler(rules: try rules(1, "Min"), options: DownsamplerOptions(maxCachedSeries: 640))
        let sets = [try rules(2, "Max"), try rules(3, "Last")]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask { () throws in
                    for round in 0..<3000 {
                        let index = (round * 7 + task) % 900
                        let found = try name(try plan(downsampler, index))
                        #expect(found == "m\(index)")
                        if task == 0, round % 500 == 0 { downsampler.setRules(sets[round / 500 % 2]) }
                    }
                }
            }
            try await group.waitForAll()
        }
        let last = try plan(downsampler, 1)
        #expect(try plan(downsampler, 1) === last)
    }
}
