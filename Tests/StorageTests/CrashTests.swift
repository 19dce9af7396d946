import Foundation
import Metrics
import Synchronization
import Telemetry
import Testing

@testable import Storage

/// Counts what several threads do.
private final class BatchCounter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// A process that writes and seals without pause is killed, at any moment or amid the sealing or folding of a block:
/// what it had acknowledged must be there.
@Suite struct CrashTests {
    /// Series that one acknowledged write touches.
    private static let series = 3
    /// The clock of the store moves on by so much per write, so that blocks are sealed all the time.
    private static let stepMs: Int64 = 120_000

    static func options(_ clock: ManualClock) -> StoreOptions {
        var options = StoreOptions()
        options.unaggregatedRetentionMs = 100_000 * StoreFixture.hour
        options.clock = { clock.nowMs }
        options.sealDelayMs = 0
        options.lateSealDelayMs = 0
        options.maintenanceIntervalMs = 10
        options.walSyncIntervalMs = 50
        // One batch per chunk: most kills meet a block that is sealed or folded in part.
        options.maintenanceBatchBytes = 1
        return options
    }

    /// What the child process does until it is killed: writes number after number, a late one of an earlier block
    /// now and then, and notes each acknowledged number in a file.
    /// - Parameter killAfterBatches: end after so many pieces that sealing and folding wrote; `Int.max`: only by time.
    static func writeUntilKilled(
        directory: String, acknowledged: String, first: Int, killAfterMs: Int, killAfterBatches: Int
    ) async throws {
        let clock = ManualClock(StoreFixture.start + Int64(first) * stepMs)
        var options = options(clock)
        let batches = BatchCounter()
        options.afterMaintenanceBatch = {
            if batches.next() >= killAfterBatches { kill(getpid(), SIGKILL) }
        }
        let store = try TimeSeriesStore(directory: directory, options: options, registry: Registry())
        let file = open(acknowledged, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        let killer = Thread {
            usleep(UInt32(killAfterMs) * 1_000)
            kill(getpid(), SIGKILL)
        }
        killer.start()
        var number = first
        while true {
            clock.nowMs = StoreFixture.start + Int64(number) * stepMs
            var batch = SampleBatch()
            let namespace = batch.index(of: .unaggregated)
            for index in 0..<series {
                let labels = batch.addLabels(try StoreFixture.labels(["s": "\(index)"]))
                batch.append(
                    labels: labels, namespace: namespace, timestampMs: StoreFixture.start + Int64(number) * stepMs,
                    value: Double(number))
                let late = number - 130
                if late >= 0, number.isMultiple(of: 5) {
                    batch.append(
                        labels: labels, namespace: namespace, timestampMs: StoreFixture.start + Int64(late) * stepMs,
                        value: Double(late) + 0.5)
                }
            }
            _ = try await store.write(batch)
            let line = Array("\(number)\n".utf8)
            _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            number += 1
        }
    }

    @Test func acknowledgedSamplesOutliveAKill() async throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("storage-crash-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let acknowledged = directory + "/acknowledged"
        var next = 0
        var sealed = 0.0
        for round in 0..<9 {
            // Three pieces are a whole block, so any number of them ends at another place of sealing one.
            let killAfterBatches = round < 2 ? Int.max : Int.random(in: 1...12) + round
            let killAfterMs = round < 2 ? Int.random(in: 300...1_500) : 20_000
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    directory = directory as String, acknowledged = acknowledged as String, next = next as Int,
                    killAfterMs = killAfterMs as Int, killAfterBatches = killAfterBatches as Int
                ] in
                try await CrashTests.writeUntilKilled(
                    directory: directory + "/store", acknowledged: acknowledged, first: next, killAfterMs: killAfterMs,
                    killAfterBatches: killAfterBatches)
            }
            let lines = try String(contentsOfFile: acknowledged, encoding: .utf8).split(separator: "\n")
            let last = try #require(lines.last.flatMap { Int($0) })
            #expect(last >= next - 1, "round \(round)")
            try await check(directory + "/store", acknowledgedUpTo: last, sealed: &sealed)
            // The write that was under way may be there or not: the next round writes the same number again.
            next = last + 1
        }
        #expect(next > 100)
        #expect(sealed > 0)
    }

    private func check(_ directory: String, acknowledgedUpTo last: Int, sealed: inout Double) async throws {
        let clock = ManualClock(StoreFixture.start + Int64(last) * Self.stepMs)
        var options = Self.options(clock)
        options.runsMaintenance = false
        options.maintenanceBatchBytes = StoreOptions().maintenanceBatchBytes
        let registry = Registry()
        let store = try TimeSeriesStore(directory: directory, options: options, registry: registry)
        defer { store.close() }
        for afterMaintenance in [false, true] {
            if afterMaintenance { store.maintain(now: clock.nowMs) }
            let found = try await store.select(namespace: .unaggregated, matchers: [], startMs: .min, endMs: .max)
            #expect(found.count == Self.series)
            for series in found {
                let bits = series.bits
                var missing = 0
                for number in 0...last {
                    let late = number % 5 == 0 && number + 130 <= last
                    let expected = late ? Double(number) + 0.5 : Double(number)
                    if bits[StoreFixture.start + Int64(number) * Self.stepMs] != expected.bitPattern {
                        // The late value of an unacknowledged write may be there already.
                        let isEarly = number % 5 == 0 && number + 130 == last + 1
                        if !isEarly { missing += 1 }
                    }
                }
                #expect(missing == 0)
            }
            #expect(registry.value("m3agg_storage_corrupt_values_total") == 0)
        }
        sealed += registry.value("m3agg_storage_sealed_blocks")
    }
}
