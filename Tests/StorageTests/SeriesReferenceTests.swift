import Metrics
import Storage
import Testing

@Suite struct SeriesReferenceTests {
    private func write(
        _ reference: SeriesReference, _ timestampMs: Int64, _ value: Double, to fixture: StoreFixture
    ) async throws -> WriteOutcome {
        var batch = SampleBatch()
        let series = batch.addSeries(reference)
        batch.append(
            labels: series, namespace: batch.index(of: .unaggregated), timestampMs: timestampMs, value: value)
        return try await fixture.store.write(batch)
    }

    private func values(_ fixture: StoreFixture) async throws -> [String: [Double]] {
        var values: [String: [Double]] = [:]
        for series in try await fixture.select() { values["\(series.labels)"] = series.values }
        return values
    }

    @Test func samplesByReferenceAreThoseOfTheLabels() async throws {
        let fixture = try StoreFixture()
        let labels = try StoreFixture.labels(["s": "1"])
        let reference = SeriesReference(canonicalLabels: labels.encoded)
        #expect(try await write(reference, StoreFixture.start, 1, to: fixture).stored == 1)
        #expect(try await write(reference, StoreFixture.start + 1, 2, to: fixture).stored == 1)
        try await fixture.write(["s": "1"], [(StoreFixture.start + 2, 3)])
        #expect(try await values(fixture) == ["\(labels)": [1, 2, 3]])
    }

    /// Ids of series that went are given to others: what a reference remembers must not be taken for theirs.
    @Test func aSeriesThatWentIsRegisteredAnew() async throws {
        let fixture = try StoreFixture()
        let first = SeriesReference(canonicalLabels: try StoreFixture.labels(["s": "1"]).encoded)
        _ = try await write(first, StoreFixture.start, 1, to: fixture)
        fixture.clock.nowMs += 100 * StoreFixture.hour
        for _ in 0..<5 { try fixture.maintain() }
        #expect(try await values(fixture) == [:])
        let now = fixture.clock.nowMs
        try await fixture.write(["s": "2"], [(now, 2)])
        #expect(try await write(first, now, 3, to: fixture).stored == 1)
        #expect(
            try await values(fixture) == [
                "\(try StoreFixture.labels(["s": "1"]))": [3], "\(try StoreFixture.labels(["s": "2"]))": [2],
            ])
    }

    @Test func severalStoresMayShareAReference() async throws {
        let one = try StoreFixture()
        let two = try StoreFixture()
        try await two.write(["other": "x"], [(StoreFixture.start, 0)])
        let labels = try StoreFixture.labels(["s": "1"])
        let reference = SeriesReference(canonicalLabels: labels.encoded)
        for step in 0..<4 {
            let time = StoreFixture.start + Int64(step)
            #expect(try await write(reference, time, Double(step), to: one).stored == 1)
            #expect(try await write(reference, time, Double(step) + 10, to: two).stored == 1)
        }
        #expect(try await values(one)["\(labels)"] == [0, 1, 2, 3])
        #expect(try await values(two)["\(labels)"] == [10, 11, 12, 13])
        #expect(try await values(two).count == 2)
    }

    @Test func labelsThatAreNotCanonicalAreRejectedAtEachUse() async throws {
        let fixture = try StoreFixture()
        let reference = SeriesReference(canonicalLabels: [1, 2, 3])
        for _ in 0..<2 {
            #expect(try await write(reference, StoreFixture.start, 1, to: fixture).rejected == [.invalidLabels: 1])
        }
        var batch = SampleBatch()
        batch.append(
            labels: SampleBatch.invalidLabels, namespace: batch.index(of: .unaggregated),
            timestampMs: StoreFixture.start, value: 1)
        #expect(try await fixture.store.write(batch).rejected == [.invalidLabels: 1])
    }
}
