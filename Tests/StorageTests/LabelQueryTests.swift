import Foundation
import Metrics
import Storage
import Telemetry
import Testing

@Suite struct LabelQueryTests {
    private let start = StoreFixture.start
    private let hour = StoreFixture.hour

    private func filled() async throws -> StoreFixture {
        let fixture = try StoreFixture()
        for (name, job, extra) in [
            ("up", "api", ["zone": "a"]), ("up", "db", [:]), ("requests", "api", ["zone": "b", "empty": ""]),
            ("requests", "web", ["zone": "ä"]),
        ] {
            try await fixture.write(["__name__": name, "job": job].merging(extra) { $1 }, [(start, 1)])
        }
        return fixture
    }

    static let matcherCases: [(String, LabelMatcher.Kind, String, Int)] = [
        ("job", .equal, "api", 2), ("job", .equal, "nothing", 0), ("nothing", .equal, "", 4),
        ("nothing", .equal, "x", 0), ("zone", .equal, "", 1), ("zone", .notEqual, "", 3), ("zone", .notEqual, "a", 3),
        ("job", .notEqual, "api", 2), ("nothing", .notEqual, "x", 4), ("nothing", .notEqual, "", 0),
        ("job", .regex, "a.*|db", 3), ("job", .regex, "ap", 0), ("job", .regex, ".*", 4), ("zone", .regex, ".*", 4),
        ("zone", .regex, ".+", 3), ("zone", .regex, "", 1), ("zone", .regex, "a?", 2), ("zone", .regex, ".", 3),
        ("job", .notRegex, "a.*|db", 1), ("zone", .notRegex, ".+", 1), ("zone", .notRegex, ".*", 0),
        ("zone", .notRegex, "a|b", 2), ("nothing", .notRegex, ".+", 4), ("empty", .equal, "", 4),
        ("empty", .notEqual, "", 0), ("empty", .regex, ".+", 0), ("__name__", .regex, "(?i)UP", 2),
    ]

    @Test func aPatternThatIsNoRegularExpressionIsRefusedByName() throws {
        let error = #expect(throws: StorageError.self) { try LabelMatcher("job", .notRegex, "a(b") }
        #expect(error?.reason == "invalid_matcher")
        #expect(error?.description.contains("job") == true)
        #expect(error?.description.contains("a(b") == true)
    }

    @Test(arguments: 0..<matcherCases.count) func matchersMeanWhatPrometheusMeans(_ index: Int) async throws {
        let (name, kind, value, count) = Self.matcherCases[index]
        let fixture = try await filled()
        let matcher = try LabelMatcher(name, kind, value)
        #expect(try await fixture.select([matcher]).count == count, "\(matcher)")
        fixture.clock.nowMs += 3 * hour
        try fixture.maintain()
        #expect(try await fixture.select([matcher]).count == count, "\(matcher)")
        #expect(try await fixture.store.series(matchers: [matcher]).count == count, "\(matcher)")
    }

    @Test func allMatchersMustHold() async throws {
        let fixture = try await filled()
        let found = try await fixture.select([
            try LabelMatcher("__name__", .equal, "requests"), try LabelMatcher("zone", .notRegex, "ä"),
        ])
        #expect(found.map(\.labels.description) == ["requests{empty=\"\", job=\"api\", zone=\"b\"}"])
    }

    @Test func namesAndValuesFollowMatchersRangeAndNamespace() async throws {
        let fixture = try await filled()
        let policy = Namespace.aggregated(try StoragePolicy(parsing: "1m:30d"))
        try await fixture.write(["__name__": "rolled", "job": "late"], [(start - 5 * hour, 1)], to: policy)
        let store = try fixture.store
        #expect(try await store.labelNames() == ["__name__", "empty", "job", "zone"])
        #expect(try await store.labelNames(matchers: [LabelMatcher("job", .equal, "db")]) == ["__name__", "job"])
        #expect(try await store.labelNames(namespace: policy) == ["__name__", "job"])
        #expect(try await store.labelValues("job") == ["api", "db", "late", "web"])
        #expect(try await store.labelValues("job", namespace: .unaggregated) == ["api", "db", "web"])
        #expect(try await store.labelValues("job", startMs: start) == ["api", "db", "web"])
        #expect(try await store.labelValues("job", endMs: start - 4 * hour) == ["late"])
        #expect(try await store.labelValues("zone", matchers: [LabelMatcher("job", .equal, "api")]) == ["a", "b"])
        #expect(try await store.labelValues("empty") == [])
        #expect(try await store.labelValues("nothing") == [])
        await #expect(throws: StorageError.unknownNamespace("5m:1d")) {
            _ = try await store.labelNames(namespace: .aggregated(try StoragePolicy(parsing: "5m:1d")))
        }
    }

    @Test func labelsGoWithTheirLastBlock() async throws {
        let fixture = try StoreFixture { $0.unaggregatedRetentionMs = 6 * StoreFixture.hour }
        try await fixture.write(["__name__": "old", "pod": "p1"], [(start, 1)])
        try await fixture.write(["__name__": "both", "pod": "p2"], [(start, 1)])
        fixture.clock.nowMs += 4 * hour
        try await fixture.write(["__name__": "both", "pod": "p2"], [(fixture.clock.nowMs, 1)])
        try fixture.maintain()
        #expect(try await fixture.store.labelValues("pod") == ["p1", "p2"])
        fixture.clock.nowMs += 4 * hour
        try fixture.maintain()
        #expect(try await fixture.store.labelValues("pod") == ["p2"])
        #expect(fixture.registry.value("m3agg_storage_series") == 1)
        try fixture.reopen()
        #expect(try await fixture.store.labelValues("__name__") == ["both"])
        // The id that became free serves a new series, and shows nothing of the old one.
        try await fixture.write(["__name__": "new"], [(fixture.clock.nowMs, 5)])
        #expect(try await fixture.select([LabelMatcher("__name__", .equal, "new")]).first?.values == [5])
        #expect(fixture.registry.value("m3agg_storage_series") == 2)
    }

    @Test func churnLeavesNothingBehind() async throws {
        let fixture = try StoreFixture { $0.unaggregatedRetentionMs = 4 * StoreFixture.hour }
        for generation in 0..<8 {
            var batch = SampleBatch()
            let namespace = batch.index(of: .unaggregated)
            for series in 0..<3_000 {
                let labels = batch.addLabels(
                    try StoreFixture.labels(["pod": "g\(generation)-\(series)", "parity": "\(series % 2)"]))
                batch.append(labels: labels, namespace: namespace, timestampMs: fixture.clock.nowMs, value: 1)
            }
            #expect(try await fixture.store.write(batch).stored == 3_000)
            #expect(try await fixture.store.labelValues("pod").count <= 4 * 3_000)
            fixture.clock.nowMs += 2 * hour
            try fixture.maintain()
        }
        let live = try await fixture.store.labelValues("pod").count
        #expect(Int(fixture.registry.value("m3agg_storage_series")) == live)
        #expect(try await fixture.select([LabelMatcher("parity", .equal, "1")]).count == live / 2)
        fixture.clock.nowMs += 10 * hour
        try fixture.maintain()
        #expect(fixture.registry.value("m3agg_storage_series") == 0)
        #expect(try await fixture.store.labelNames() == [])
    }

    @Test func limitsAreErrorsRatherThanShortAnswers() async throws {
        let fixture = try StoreFixture()
        for series in 0..<10 { try await fixture.write(["s": "\(series)"], [(start, 1), (start + 1, 2)]) }
        let store = try fixture.store
        func select(_ limit: ReadLimit, from: Int64 = .min) async throws -> [SeriesData] {
            try await store.select(namespace: .unaggregated, matchers: [], startMs: from, endMs: .max, limit: limit)
        }
        #expect(try await select(ReadLimit(maxSeries: 10, maxSamples: 20)).count == 10)
        await #expect(throws: StorageError.tooManySeries(limit: 9)) { _ = try await select(ReadLimit(maxSeries: 9)) }
        await #expect(throws: StorageError.tooManySeries(limit: 1)) { _ = try await select(ReadLimit(maxSeries: 1)) }
        await #expect(throws: StorageError.tooManySamples(limit: 19)) {
            _ = try await select(ReadLimit(maxSamples: 19))
        }
        #expect(try await select(ReadLimit(maxSamples: 10), from: start + 1).count == 10)
        await #expect(throws: StorageError.tooManySeries(limit: 9)) {
            _ = try await store.series(matchers: [], limit: 9)
        }
        await #expect(throws: StorageError.invalidRange(startMs: 2, endMs: 1)) {
            _ = try await store.series(matchers: [], startMs: 2, endMs: 1)
        }
    }
}
