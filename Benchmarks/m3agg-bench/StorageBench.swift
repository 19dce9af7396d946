import Foundation
import Metrics
import Storage
import Synchronization
import Telemetry

/// Bytes on disk of a sealed block: a third each of integers, numbers with two decimals and floats of full precision,
/// 720 samples per series, keys and index included.
struct StorageBench {
    private static let series = 3_000
    private static let samplesPerSeries = 720
    private static let blockMs: Int64 = 2 * 3_600_000

    private final class Clock: Sendable {
        let now = Atomic<Int64>(0)
        func set(_ ms: Int64) { now.store(ms, ordering: .relaxed) }
    }

    func run() async throws -> [Figure] {
        let folder = try TemporaryFolder()
        let clock = Clock()
        let start = Int64(Date().timeIntervalSince1970 * 1e3) / Self.blockMs * Self.blockMs
        clock.set(start)
        var options = StoreOptions()
        options.clock = { clock.now.load(ordering: .relaxed) }
        options.runsMaintenance = false
        let store = try TimeSeriesStore(directory: folder.path, options: options, registry: Registry())
        let labels = try (0..<Self.series).map { index in
            try Labels([
                (name: "__name__", value: "http_requests"), (name: "instance", value: "10.0.0.\(index % 100):9100"),
                (name: "job", value: "api"), (name: "series", value: "\(index)"),
            ])
        }
        var generator = SplitMix64(state: 1)
        for step in 0..<Self.samplesPerSeries {
            let time = start + Int64(step) * 10_000
            clock.set(time)
            var batch = SampleBatch()
            let namespace = batch.index(of: .unaggregated)
            for (index, one) in labels.enumerated() {
                let value =
                    switch index % 3 {
                    case 0: Double(Int.random(in: 5_000...15_000, using: &generator))
                    case 1: Double(Int.random(in: 0...10_000, using: &generator)) / 100
                    default: Double.random(in: 0...1_000, using: &generator)
                    }
                batch.append(
                    labels: batch.addLabels(one), namespace: namespace, timestampMs: time, value: value)
            }
            try await store.write(batch)
        }
        let end = start + Self.blockMs + options.sealDelayMs + 60_000
        clock.set(end)
        store.maintain(now: end)
        store.close()
        // A start writes what the log held into tables, as a running store does when its log has grown.
        let reopened = try TimeSeriesStore(directory: folder.path, options: options, registry: Registry())
        reopened.maintain(now: end)
        reopened.close()
        let bytes = try folder.bytes { $0.hasSuffix(".sst") }
        let samples = Double(Self.series * Self.samplesPerSeries)
        return [Figure("disk per sealed sample", Double(bytes) / samples, "bytes", ceiling: 4)]
    }
}

/// A generator that gives the same numbers in each run.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
