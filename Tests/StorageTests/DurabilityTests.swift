import Foundation
import Metrics
import Synchronization
import Telemetry
import Testing

@testable import Storage

@Suite struct DurabilityTests {
    private let start = StoreFixture.start

    @Test func aFullQueueRefusesAtOnceAndTakesAgainLater() async throws {
        let fixture = try StoreFixture { $0.maxQueuedBytes = 100_000 }
        let store = try fixture.store
        let labels = try StoreFixture.labels(["a": "b"])
        func batch(_ offset: Int64) -> SampleBatch {
            var batch = SampleBatch()
            let index = batch.addLabels(labels)
            let namespace = batch.index(of: .unaggregated)
            for position in 0..<1_000 {
                batch.append(
                    labels: index, namespace: namespace,
                    timestampMs: StoreFixture.start - offset * 1_000 - Int64(position),
                    value: 1)
            }
            return batch
        }
        let gate = DispatchSemaphore(value: 0)
        let counts = Mutex((done: 0, busy: 0))
        // The first completion holds the writer thread.
        store.write(batch(0)) { _ in gate.wait() }
        let deadline = ContinuousClock.now + .seconds(30)
        while store.queuedBytes > 0, ContinuousClock.now < deadline { await Task.yield() }
        for offset in 1...10 {
            store.write(batch(Int64(offset))) { result in
                counts.withLock {
                    switch result {
                    case .success: $0.done += 1
                    case .failure(.busy): $0.busy += 1
                    case .failure: break
                    }
                }
            }
        }
        #expect(counts.withLock { $0.busy } == 6)
        #expect(fixture.registry.value("m3agg_storage_batches_refused_total") == 6)
        gate.signal()
        while store.queuedBytes > 0, ContinuousClock.now < deadline { await Task.yield() }
        #expect(try await store.write(batch(11)).stored == 1_000)
        #expect(counts.withLock { $0.done } == 4)
        #expect(fixture.registry.value("m3agg_storage_samples_ingested_total") == 6_000)
    }

    @Test func closingWritesWhatWasTaken() async throws {
        let fixture = try StoreFixture()
        let store = try fixture.store
        let stored = Atomic<Int>(0)
        for series in 0..<200 {
            var batch = SampleBatch()
            let labels = batch.addLabels(try StoreFixture.labels(["s": "\(series)"]))
            batch.append(
                labels: labels, namespace: batch.index(of: .unaggregated), timestampMs: start, value: Double(series))
            store.write(batch) { if case .success = $0 { stored.add(1, ordering: .relaxed) } }
        }
        try fixture.reopen()
        #expect(stored.load(ordering: .relaxed) == 200)
        #expect(try await fixture.select().count == 200)
    }

    @Test func writersReadersAndMaintenanceWorkAtTheSameTime() async throws {
        let fixture = try StoreFixture {
            $0.runsMaintenance = true
            $0.maintenanceIntervalMs = 10
            $0.walSyncIntervalMs = 10
            $0.sealDelayMs = 0
            $0.lateSealDelayMs = 0
            $0.syncBeforeAck = true
        }
        let store = try fixture.store
        let clock = fixture.clock
        let writers = 4
        let rounds = 60
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<writers {
                group.addTask {
                    for round in 0..<rounds {
                        clock.nowMs = max(clock.nowMs, StoreFixture.start + Int64(round) * 600_000)
                        var batch = SampleBatch()
                        let namespace = batch.index(of: .unaggregated)
                        for series in 0..<20 {
                            let labels = batch.addLabels(try StoreFixture.labels(["w": "\(writer)", "s": "\(series)"]))
                            batch.append(
                                labels: labels, namespace: namespace,
                                timestampMs: StoreFixture.start + Int64(round) * 600_000, value: Double(round))
                        }
                        #expect(try await store.write(batch).stored == 20)
                        // What was acknowledged is readable.
                        let found = try await store.select(
                            namespace: .unaggregated, matchers: [LabelMatcher("w", .equal, "\(writer)")],
                            startMs: .min, endMs: .max)
                        #expect(found.count == 20)
                        #expect(found.allSatisfy { $0.values == (0...round).map(Double.init) })
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(fixture.registry.value("m3agg_storage_blocks_sealed_total") > 0)
        #expect(fixture.registry.value("m3agg_storage_maintenance_failures_total") == 0)
    }

    @Test func aCancelledReadEndsWithAnError() async throws {
        let fixture = try StoreFixture()
        try await fixture.write(["a": "b"], [(start, 1)])
        let store = try fixture.store
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await store.select(namespace: .unaggregated, matchers: [], startMs: .min, endMs: .max)
        }
        await #expect(throws: StorageError.cancelled) { _ = try await task.value }
    }

    // MARK: Damage

    /// Changes values of a closed store.
    private func damage(
        _ fixture: StoreFixture, _ family: Family, _ change: (_ key: [UInt8], _ value: [UInt8]) -> [UInt8]?
    ) throws {
        fixture.close()
        let database = try Database(
            directory: fixture.directory + "/db", blockCacheBytes: 1 << 20, maxWalBytes: 1 << 20)
        let batch = Database.Batch(database)
        let iterator = database.iterator(family)
        iterator.seekToFirst()
        while iterator.isValid {
            if let value = change(Array(iterator.key), Array(iterator.value)) {
                batch.put(family, Array(iterator.key), value)
            }
            iterator.next()
        }
        #expect(batch.count > 0)
        try database.write(batch)
    }

    private func corrupt(_ fixture: StoreFixture, _ family: Family) -> Double {
        fixture.registry.value("m3agg_storage_corrupt_values_total", labels: [("family", family.name)])
    }

    private func sealed(series: Int) async throws -> StoreFixture {
        let fixture = try StoreFixture()
        for index in 0..<series {
            try await fixture.write(["s": "\(index)"], (0..<50).map { (start + $0 * 1_000, Double($0)) })
        }
        fixture.clock.nowMs += 3 * StoreFixture.hour
        try fixture.maintain()
        return fixture
    }

    @Test func aTornChunkIsCountedAndTheRestServed() async throws {
        let fixture = try await sealed(series: 5)
        var seen = 0
        try damage(fixture, .chunks) { _, value in
            seen += 1
            return seen == 3 ? Array(value.dropLast(7)) : nil
        }
        try fixture.reopen()
        let found = try await fixture.select()
        #expect(found.count == 4)
        #expect(found.allSatisfy { $0.values.count == 50 })
        #expect(corrupt(fixture, .chunks) == 1)
        // A later write to the block makes folding meet the torn chunk, too.
        for index in 0..<5 { try await fixture.write(["s": "\(index)"], [(start, 7)]) }
        for _ in 0..<3 {
            fixture.clock.nowMs += StoreFixture.hour
            try fixture.maintain()
        }
        #expect(fixture.registry.value("m3agg_storage_blocks_folded_total") == 1)
        #expect(try await fixture.select().map(\.values.count).sorted() == [1, 50, 50, 50, 50])
    }

    @Test func aDamagedListOfSeriesIsRebuiltFromTheChunks() async throws {
        let fixture = try await sealed(series: 5)
        try damage(fixture, .blocks) { _, value in Array(value.dropLast()) }
        try fixture.reopen()
        #expect(try await fixture.select().count == 5)
        #expect(corrupt(fixture, .blocks) == 1)
    }

    @Test func damagedLabelsCostTheirSeriesOnly() async throws {
        let fixture = try await sealed(series: 5)
        try damage(fixture, .series) { key, _ in key.last == 2 ? [1, 2] : nil }
        try fixture.reopen()
        #expect(try await fixture.select().count == 4)
        #expect(corrupt(fixture, .series) == 1)
        // The id is not given away while its chunks are there.
        try await fixture.write(["s": "new"], [(fixture.clock.nowMs, 1)])
        #expect(try await fixture.select([LabelMatcher("s", .equal, "new")]).first?.values == [1])
    }

    @Test func aDamagedOpenRecordCostsItsSamplesOnly() async throws {
        let fixture = try StoreFixture()
        for index in 0..<5 { try await fixture.write(["s": "\(index)"], [(start, 1)]) }
        var seen = 0
        try damage(fixture, .open) { _, value in
            seen += 1
            return seen == 2 ? Array(value.dropLast(3)) : nil
        }
        try fixture.reopen()
        #expect(try await fixture.select().count == 4)
        #expect(corrupt(fixture, .open) == 1)
    }

    @Test func anUnknownFormatIsRefused() throws {
        let fixture = try StoreFixture()
        try damage(fixture, .meta) { key, _ in key == Keys.format ? Array("99".utf8) : nil }
        #expect(throws: StorageError.unsupportedFormat(found: "99", supported: "1")) { try fixture.reopen() }
    }

    @Test func invalidOptionsAreNamed() throws {
        let error = #expect(throws: StorageError.self) { try StoreFixture { $0.readerThreads = 0 } }
        #expect(error?.description == "invalid storage option readerThreads '0': 1 to 64")
    }
}
