import Foundation
import Metrics
import Storage
import Synchronization
import Telemetry

/// A clock that tests set.
final class ManualClock: Sendable {
    private let value: Atomic<Int64>

    init(_ nowMs: Int64) { value = Atomic(nowMs) }

    var nowMs: Int64 {
        get { value.load(ordering: .relaxed) }
        set { value.store(newValue, ordering: .relaxed) }
    }
}

/// A store in a temporary directory, without threads that do maintenance, on a clock of its own.
final class StoreFixture {
    static let hour: Int64 = 3_600_000
    /// A start of a block: 2023-11-14T22:00:00Z.
    static let start: Int64 = 1_699_999_200_000

    let directory: String
    let clock: ManualClock
    let registry = Registry()
    var options: StoreOptions
    private var opened: TimeSeriesStore?

    init(now: Int64 = StoreFixture.start, configure: (inout StoreOptions) -> Void = { _ in }) throws {
        let clock = ManualClock(now)
        self.clock = clock
        directory =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("storage-test-\(UUID().uuidString)").path
        options = StoreOptions()
        options.runsMaintenance = false
        options.clock = { clock.nowMs }
        configure(&options)
        opened = try TimeSeriesStore(directory: directory, options: options, registry: registry)
    }

    deinit {
        opened?.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var store: TimeSeriesStore {
        get throws {
            guard let opened else { throw StorageError.closed }
            return opened
        }
    }

    func close() {
        opened?.close()
        opened = nil
    }

    func reopen() throws {
        close()
        opened = try TimeSeriesStore(directory: directory, options: options, registry: registry)
    }

    func maintain() throws { try store.maintain(now: clock.nowMs) }

    @discardableResult
    func write(
        _ labels: [String: String], _ samples: [(Int64, Double)], to namespace: Namespace = .unaggregated
    ) async throws -> WriteOutcome {
        var batch = SampleBatch()
        let index = batch.addLabels(try StoreFixture.labels(labels))
        let target = batch.index(of: namespace)
        for (timestamp, value) in samples {
            batch.append(labels: index, namespace: target, timestampMs: timestamp, value: value)
        }
        return try await store.write(batch)
    }

    static func labels(_ labels: [String: String]) throws -> Labels {
        try Labels(labels.map { (name: $0.key, value: $0.value) })
    }

    func select(
        _ matchers: [LabelMatcher] = [], namespace: Namespace = .unaggregated, from: Int64 = .min, to: Int64 = .max
    ) async throws -> [SeriesData] {
        try await store.select(namespace: namespace, matchers: matchers, startMs: from, endMs: to)
    }
}

extension SeriesData {
    /// Timestamps with the bits of their values, which compare NaNs as well.
    var bits: [Int64: UInt64] {
        Dictionary(uniqueKeysWithValues: zip(timestamps, values.map(\.bitPattern)))
    }
}
