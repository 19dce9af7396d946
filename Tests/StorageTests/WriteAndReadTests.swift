import Foundation
import Metrics
import Storage
import Telemetry
import Testing

@Suite struct WriteAndReadTests {
    private let start = StoreFixture.start

    @Test func writtenSamplesAreReadBackInOrder() async throws {
        let fixture = try StoreFixture()
        let outcome = try await fixture.write(
            ["__name__": "up", "job": "api"], [(start - 10_000, 2), (start - 20_000, 1), (start, 3)])
        #expect(outcome.stored == 3)
        #expect(outcome.rejected.isEmpty)
        let series = try await fixture.select()
        #expect(series.count == 1)
        #expect(series[0].labels.description == "up{job=\"api\"}")
        #expect(series[0].timestamps == [start - 20_000, start - 10_000, start])
        #expect(series[0].values == [1, 2, 3])
    }

    @Test func bothEndsOfTheRangeAreInclusive() async throws {
        let fixture = try StoreFixture()
        try await fixture.write(["a": "b"], (0..<10).map { (start - 1_000 * $0, Double($0)) })
        let series = try await fixture.select(from: start - 5_000, to: start - 2_000)
        #expect(series.first?.timestamps == [start - 5_000, start - 4_000, start - 3_000, start - 2_000])
    }

    @Test func aLaterWriteOfTheSameTimeReplacesTheValue() async throws {
        let fixture = try StoreFixture()
        try await fixture.write(["a": "b"], [(start - 1_000, 1), (start, 2)])
        try await fixture.write(["a": "b"], [(start - 1_000, 7), (start, 8)])
        #expect(try await fixture.select().first?.values == [7, 8])
        try await fixture.write(["a": "b"], [(start - 1_000, 1), (start, 2)])
        #expect(try await fixture.select().first?.values == [1, 2])
    }

    @Test func laterWritesReplaceSealedSamples() async throws {
        let fixture = try StoreFixture()
        try await fixture.write(["a": "b"], (0..<100).map { (start + 1_000 * $0, 1) })
        for round in 2...4 {
            fixture.clock.nowMs += 3 * StoreFixture.hour
            try fixture.maintain()
            #expect(fixture.registry.value("m3agg_storage_open_samples") == 0)
            try await fixture.write(["a": "b"], [(start + 1_000 * Int64(round), Double(round))])
            let values = try await fixture.select().first?.values ?? []
            #expect(values.count == 100)
            for earlier in 2...round { #expect(values[earlier] == Double(earlier)) }
        }
        fixture.clock.nowMs += StoreFixture.hour
        try fixture.maintain()
        fixture.clock.nowMs += StoreFixture.hour
        try fixture.maintain()
        #expect(fixture.registry.value("m3agg_storage_blocks_folded_total") >= 1)
        try fixture.reopen()
        let values = try await fixture.select().first?.values ?? []
        #expect(values == [1, 1, 2, 3, 4] + Array(repeating: 1, count: 95))
    }

    @Test func everyBitOfAValueSurvives() async throws {
        let patterns: [UInt64] = [
            0x7ff0_0000_0000_0002, 0x7ff8_0000_0000_0001, 0xfff8_dead_beef_0001, 0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000, 0x8000_0000_0000_0000, 0, 1, 0x7fef_ffff_ffff_ffff, 0x0010_0000_0000_0000,
        ]
        let fixture = try StoreFixture()
        try await fixture.write(
            ["a": "b"],
            patterns.enumerated().map { (start + Int64($0.offset) * 1_000, Double(bitPattern: $0.element)) })
        #expect(try await fixture.select().first?.values.map(\.bitPattern) == patterns)
        fixture.clock.nowMs += 3 * StoreFixture.hour
        try fixture.maintain()
        #expect(try await fixture.select().first?.values.map(\.bitPattern) == patterns)
        try fixture.reopen()
        #expect(try await fixture.select().first?.values.map(\.bitPattern) == patterns)
    }

    @Test func timesOutsideTheAcceptedWindowAreRejectedAndCounted() async throws {
        let fixture = try StoreFixture { $0.unaggregatedRetentionMs = 6 * StoreFixture.hour }
        let oldest = start - 6 * StoreFixture.hour
        let times: [Int64] = [oldest - 1, oldest, start + 600_000, start + 600_001, .min, .max]
        let outcome = try await fixture.write(
            ["a": "b"], times.enumerated().map { ($0.element, Double($0.offset + 1)) })
        #expect(outcome.stored == 2)
        #expect(outcome.rejected == [.tooOld: 2, .tooFarInFuture: 2])
        #expect(try await fixture.select().first?.values == [2, 3])
        let metrics = fixture.registry
        #expect(metrics.value("m3agg_storage_samples_ingested_total") == 6)
        #expect(metrics.value("m3agg_storage_samples_stored_total") == 2)
        #expect(metrics.value("m3agg_storage_samples_rejected_total", labels: [("reason", "too_old")]) == 2)
        #expect(metrics.value("m3agg_storage_samples_rejected_total", labels: [("reason", "too_far_in_future")]) == 2)
    }

    @Test func oneBadSeriesCostsTheOthersNothing() async throws {
        let fixture = try StoreFixture()
        var batch = SampleBatch()
        let namespace = batch.index(of: .unaggregated)
        let good = batch.addLabels(try StoreFixture.labels(["a": "b"]))
        let bad: [[UInt8]] = [
            [], [1, 2, 3], [0x75, 0x27, 1, 0, 1, 0], [0x75, 0x27, 0, 0, 9],
            [0x75, 0x27, 2, 0, 1, 0, 98, 0, 0, 1, 0, 97, 0, 0],
        ]
        for bytes in bad {
            let index = bytes.withUnsafeBytes { batch.addLabels(canonicalBytes: $0) }
            batch.append(labels: index, namespace: namespace, timestampMs: start, value: 1)
        }
        let tooLong = [UInt8](repeating: 0, count: Labels.maxEncodedBytes + 1)
        let index = tooLong.withUnsafeBytes { batch.addLabels(canonicalBytes: $0) }
        batch.append(labels: index, namespace: namespace, timestampMs: start, value: 1)
        batch.append(labels: 77, namespace: namespace, timestampMs: start, value: 1)
        batch.append(labels: good, namespace: 9, timestampMs: start, value: 1)
        batch.append(labels: good, namespace: namespace, timestampMs: start, value: 42)
        let outcome = try await fixture.store.write(batch)
        #expect(outcome.stored == 1)
        #expect(outcome.rejected == [.invalidLabels: bad.count + 2, .invalidNamespace: 1])
        #expect(try await fixture.select().first?.values == [42])
        let metrics = fixture.registry
        #expect(
            metrics.value("m3agg_storage_samples_ingested_total")
                == metrics.value("m3agg_storage_samples_stored_total")
                + metrics.value("m3agg_storage_samples_rejected_total"))
    }

    @Test func limitsOnSeriesAndNamespacesRejectOnlyWhatIsNew() async throws {
        let fixture = try StoreFixture {
            $0.maxSeries = 2
            $0.maxNamespaces = 2
        }
        let policies = try ["10s:2d", "1m:30d"].map { Namespace.aggregated(try StoragePolicy(parsing: $0)) }
        for (name, namespace, rejection) in [
            ("a", Namespace.unaggregated, nil), ("b", policies[0], nil), ("c", .unaggregated, .seriesLimit),
            ("a", policies[1], .namespaceLimit), ("b", .unaggregated, nil),
        ] as [(String, Namespace, WriteOutcome.Rejection?)] {
            let outcome = try await fixture.write(["n": name], [(start, 1)], to: namespace)
            #expect(outcome.rejected == (rejection.map { [$0: 1] } ?? [:]))
        }
        #expect(try fixture.store.namespaces == [.unaggregated, policies[0]])
        let refused = try await fixture.write(
            ["n": "a"], [(start, 1)],
            to: .aggregated(StoragePolicy(resolutionNanos: 0, precisionNanos: 1, retentionNanos: 5)))
        #expect(refused.rejected == [.invalidNamespace: 1])
    }

    @Test func aSecondStoreInTheSameDirectoryFailsClearly() throws {
        let fixture = try StoreFixture()
        #expect(throws: StorageError.directoryInUse(fixture.directory)) {
            _ = try TimeSeriesStore(directory: fixture.directory, options: fixture.options, registry: Registry())
        }
        try fixture.reopen()
    }

    @Test func aClosedStoreRefusesEverything() async throws {
        let fixture = try StoreFixture()
        let store = try fixture.store
        store.close()
        store.close()
        await #expect(throws: StorageError.closed) { try await store.write(SampleBatch()) }
        await #expect(throws: StorageError.closed) {
            _ = try await store.select(namespace: .unaggregated, matchers: [], startMs: 0, endMs: 1)
        }
        store.maintain(now: start)
    }
}
