import Foundation
import Metrics
import Storage
import Telemetry
import Testing

/// The store against a dictionary that does the same without compressing, sealing or forgetting by accident.
@Suite struct StoreModelTests {
    private struct Model {
        struct Key: Hashable {
            var namespace: Namespace
            var series: Int
        }
        var samples: [Key: [Int64: UInt64]] = [:]

        /// Coarse policies that are kept long have blocks of a day.
        static func block(_ namespace: Namespace) -> Int64 {
            (namespace.policy?.resolutionNanos ?? 0 > 600_000_000_000 ? 24 : 2) * StoreFixture.hour
        }

        mutating func expire(_ namespace: Namespace, before: Int64) {
            for key in samples.keys where key.namespace == namespace {
                let block = Self.block(namespace)
                samples[key] = samples[key]?.filter { ($0.key / block + 1) * block > before }
            }
        }
    }

    private static func labels(_ series: Int) -> [String: String] {
        ["__name__": "m\(series % 3)", "instance": "i\(series)", series.isMultiple(of: 2) ? "even" : "odd": "yes"]
    }

    private static func value(_ generator: inout SystemRandomNumberGenerator) -> Double {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: Double(bitPattern: 0x7ff0_0000_0000_0002)
        case 1: Double.random(in: -1...1, using: &generator)
        case 2: Double(bitPattern: UInt64.random(in: .min ... .max, using: &generator))
        case 3: -0.0
        case 4, 5: Double(Int.random(in: 0...1_000, using: &generator)) / 100
        default: Double(Int.random(in: 0...1_000, using: &generator))
        }
    }

    @Test(arguments: 0..<6) func behavesAsADictionary(_ round: Int) async throws {
        var generator = SystemRandomNumberGenerator()
        let policies = try ["10s:12h", "1m:1d", "1h:7d"].map { Namespace.aggregated(try StoragePolicy(parsing: $0)) }
        let namespaces = [Namespace.unaggregated] + policies
        let retentions = [6, 12, 24, 168].map { $0 * StoreFixture.hour }
        let fixture = try StoreFixture {
            $0.unaggregatedRetentionMs = retentions[0]
            // Half of the rounds seal early for want of memory.
            if round.isMultiple(of: 2) { $0.maxOpenBytes = 1 << 18 }
        }
        var model = Model()
        for _ in 0..<120 {
            switch Int.random(in: 0..<12, using: &generator) {
            case 0..<7:
                try await write(&model, fixture, namespaces, retentions, &generator)
            case 7:
                fixture.clock.nowMs += Int64.random(in: 0...3 * StoreFixture.hour, using: &generator)
            case 8, 9:
                try fixture.maintain()
                expire(&model, fixture, namespaces, retentions)
            case 10:
                try fixture.reopen()
            default:
                try await compare(model, fixture, namespaces, &generator)
            }
        }
        try await compare(model, fixture, namespaces, &generator)
        try fixture.reopen()
        try await compare(model, fixture, namespaces, &generator)
        fixture.clock.nowMs += 200 * StoreFixture.hour
        try fixture.maintain()
        #expect(try await fixture.store.series(matchers: []).isEmpty)
        #expect(try await fixture.store.labelNames().isEmpty)
        #expect(fixture.registry.value("m3agg_storage_series") == 0)
        #expect(fixture.registry.value("m3agg_storage_corrupt_values_total") == 0)
        #expect(fixture.registry.value("m3agg_storage_maintenance_failures_total") == 0)
    }

    private func expire(
        _ model: inout Model, _ fixture: StoreFixture, _ namespaces: [Namespace], _ retentions: [Int64]
    ) {
        for (namespace, retention) in zip(namespaces, retentions) {
            model.expire(namespace, before: fixture.clock.nowMs - retention + 1)
        }
    }

    private func write(
        _ model: inout Model, _ fixture: StoreFixture, _ namespaces: [Namespace], _ retentions: [Int64],
        _ generator: inout SystemRandomNumberGenerator
    ) async throws {
        var batch = SampleBatch()
        var expected = 0
        let now = fixture.clock.nowMs
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0..<namespaces.count, using: &generator)
            let series = Int.random(in: 0..<12, using: &generator)
            let labels = batch.addLabels(try StoreFixture.labels(Self.labels(series)))
            let namespace = batch.index(of: namespaces[place])
            // Mostly in order and recent, sometimes anywhere within the retention or out of it.
            let isLate = Int.random(in: 0..<4, using: &generator) == 0
            var timestamp =
                now - (isLate ? Int64.random(in: 0...retentions[place] + 10_000, using: &generator) : 60_000)
            for _ in 0..<Int.random(in: 1...60, using: &generator) {
                let value = Self.value(&generator)
                batch.append(labels: labels, namespace: namespace, timestampMs: timestamp, value: value)
                if timestamp >= now - retentions[place], timestamp <= now + 600_000 {
                    model.samples[.init(namespace: namespaces[place], series: series), default: [:]][timestamp] =
                        value.bitPattern
                    expected += 1
                }
                timestamp +=
                    Bool.random(using: &generator) ? 10_000 : Int64.random(in: -20_000...30_000, using: &generator)
            }
        }
        var outcome = WriteOutcome()
        do {
            outcome = try await fixture.store.write(batch)
        } catch StorageError.busy {
            // Too much memory: sealing makes room, the clock stands still and so nothing expires that was not due.
            try fixture.maintain()
            expire(&model, fixture, namespaces, retentions)
            outcome = try await fixture.store.write(batch)
        }
        #expect(outcome.stored == expected)
        #expect(outcome.stored + outcome.rejectedTotal == batch.count)
    }

    private func compare(
        _ model: Model, _ fixture: StoreFixture, _ namespaces: [Namespace],
        _ generator: inout SystemRandomNumberGenerator
    ) async throws {
        let name = "m\(Int.random(in: 0..<3, using: &generator))"
        let filters: [(matchers: [LabelMatcher], holds: (Int) -> Bool)] = [
            ([], { _ in true }),
            ([try LabelMatcher("__name__", .equal, name)], { "m\($0 % 3)" == name }),
            ([try LabelMatcher("__name__", .notEqual, name)], { "m\($0 % 3)" != name }),
            ([try LabelMatcher("instance", .regex, "i1.*")], { "i\($0)".hasPrefix("i1") }),
            (
                [try LabelMatcher("instance", .notRegex, "i[0-4]"), try LabelMatcher("even", .equal, "")],
                { $0 > 4 && !$0.isMultiple(of: 2) }
            ),
            ([try LabelMatcher("even", .notEqual, "")], { $0.isMultiple(of: 2) }),
            ([try LabelMatcher("odd", .regex, "|yes")], { _ in true }),
        ]
        let now = fixture.clock.nowMs
        var ranges: [(Int64, Int64)] = [(.min, .max)]
        let from = now - Int64.random(in: 0...10 * StoreFixture.hour, using: &generator)
        ranges.append((from, from + Int64.random(in: 0...5 * StoreFixture.hour, using: &generator)))
        for namespace in namespaces where try fixture.store.namespaces.contains(namespace) {
            for (matchers, holds) in filters {
                for (from, to) in ranges {
                    var expected: [String: [Int64: UInt64]] = [:]
                    for (key, samples) in model.samples where key.namespace == namespace && holds(key.series) {
                        let inRange = samples.filter { $0.key >= from && $0.key <= to }
                        if !inRange.isEmpty {
                            expected[try StoreFixture.labels(Self.labels(key.series)).description] = inRange
                        }
                    }
                    let found = try await fixture.store.select(
                        namespace: namespace, matchers: matchers, startMs: from, endMs: to)
                    #expect(found.map(\.bits.count) == found.map(\.timestamps.count))
                    #expect(found.allSatisfy { $0.timestamps == $0.timestamps.sorted() })
                    let actual = Dictionary(uniqueKeysWithValues: found.map { ($0.labels.description, $0.bits) })
                    try #require(actual == expected, "\(namespace) \(matchers) \(from)...\(to)")
                }
            }
        }
    }
}
