import Metrics
import Storage
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Coordinator

@Suite struct AggregatedIngesterTests {
    private static let now: Int64 = 1_700_000_000_000_000_000

    /// Payloads one behind the other, as a socket read holds them.
    private struct Payloads {
        var bytes: [UInt8] = []
        var ranges: [ByteRange] = []

        mutating func add(_ payload: [UInt8]) {
            ranges.append(ByteRange(offset: bytes.count, count: payload.count))
            bytes += payload
        }

        mutating func add(
            tags: [(String, String)], policy: String = "10s:2d", timeNanos: Int64 = now, value: Double
        ) throws {
            var builder = EncodedTags.Builder()
            for (name, value) in tags { try builder.append(name: name.utf8, value: value.utf8) }
            try add(id: builder.bytes, policy: policy, timeNanos: timeNanos, value: value)
        }

        mutating func add(id: [UInt8], policy: String = "10s:2d", timeNanos: Int64 = now, value: Double) throws {
            let policy = MetadataCodec.encode(try StoragePolicy(parsing: policy))
            var writer = ByteWriter()
            AggregatedMetricWriter.append(
                id: id.span.bytes, timeNanos: timeNanos, value: value, policy: policy.span.bytes, to: &writer)
            add(writer.array())
        }
    }

    private final class Recorder<Value: Sendable>: Sendable {
        private let values = Mutex<[Value]>([])
        var all: [Value] { values.withLock { $0 } }
        func add(_ value: Value) { values.withLock { $0.append(value) } }
    }

    private func ingest(_ ingester: AggregatedIngester, _ payloads: Payloads) async
        -> AggregatedIngester.Acknowledgement
    {
        await withCheckedContinuation { continuation in
            ingester.ingest(payloads.bytes.span.bytes, payloads: payloads.ranges, nowNanos: Self.now) {
                continuation.resume(returning: $0)
            }
        }
    }

    private func store(_ directory: TemporaryDirectory, _ registry: Registry) throws -> TimeSeriesStore {
        var options = StoreOptions()
        options.clock = { Self.now / 1_000_000 }
        options.runsMaintenance = false
        return try TimeSeriesStore(directory: directory.path("store"), options: options, registry: registry)
    }

    @Test func storesUnderThePolicyAtTheWindowsEnd() async throws {
        let directory = try TemporaryDirectory("ingest")
        let registry = Registry()
        let store = try store(directory, registry)
        defer { store.close() }
        let seen = Recorder<AggregatedIngester.StoredSample>()
        let ingester = AggregatedIngester(
            registry: registry, observer: { $0.forEach(seen.add) }, write: { store.write($0, completion: $1) })
        var payloads = Payloads()
        // M3's coordinators send tags in an order of their own; the scheme tag is no label.
        let tags = [("job", "api"), ("instance", "a"), ("__option_id_scheme__", "quoted"), ("__name__", "up")]
        try payloads.add(tags: tags, value: 1.5)
        try payloads.add(tags: tags, policy: "1m:40d", value: 2)
        try payloads.add(tags: tags, timeNanos: Self.now - 10_000_000_000, value: 1)
        try payloads.add(tags: [("__name__", "other")], timeNanos: Self.now + 1_999_999, value: .nan)
        #expect(await ingest(ingester, payloads) == .all)

        func read(_ policy: String) async throws -> [String] {
            try await store.select(
                namespace: .aggregated(try StoragePolicy(parsing: policy)), matchers: [], startMs: .min, endMs: .max
            ).map { "\($0.labels) \($0.timestamps.map { $0 - Self.now / 1_000_000 }) \($0.values)" }
        }
        #expect(
            try await read("10s:2d") == [
                #"other [1] [nan]"#, #"up{instance="a", job="api"} [-10000, 0] [1.0, 1.5]"#,
            ])
        #expect(try await read("1m:40d") == [#"up{instance="a", job="api"} [0] [2.0]"#])
        #expect(registry.value("m3agg_ingest_received_total") == 4)
        #expect(registry.value("m3agg_ingest_stored_total") == 4)
        #expect(registry.value("m3agg_ingest_in_flight") == 0)
        try await poll("the observer") { seen.all.count == 4 ? true : nil }
        #expect(seen.all[1].policy == (try StoragePolicy(parsing: "1m:40d")))
        #expect(seen.all[1].value == 2)
        #expect(seen.all[1].timeNanos == Self.now)
    }

    @Test func badPayloadsAreCountedAndCostOthersNothing() async throws {
        let directory = try TemporaryDirectory("ingest")
        let registry = Registry()
        let store = try store(directory, registry)
        defer { store.close() }
        let ingester = AggregatedIngester(registry: registry, write: { store.write($0, completion: $1) })
        var payloads = Payloads()
        payloads.add([0x0a, 0x7f])
        try payloads.add(id: Array("plain".utf8), value: 1)
        try payloads.add(tags: [("a", "1"), ("a", "2")], value: 1)
        try payloads.add(tags: [("__name__", "good")], value: 1)
        payloads.add([])
        try payloads.add(tags: [("__name__", "old")], timeNanos: 0, value: 1)
        #expect(await ingest(ingester, payloads) == .all)
        func dropped(_ reason: String) -> Double {
            registry.value("m3agg_ingest_dropped_total", labels: [("reason", reason)])
        }
        #expect(dropped("truncated") == 1)
        #expect(dropped("invalid_id") == 2)
        #expect(dropped("empty_resolution") == 1)
        #expect(dropped("too_old") == 1)
        #expect(registry.value("m3agg_ingest_stored_total") == 1)
        #expect(registry.value("m3agg_ingest_received_total") == 6)
        #expect(registry.value("m3agg_ingest_dropped_total") == 5)
    }

    @Test func whatTheStoreDoesNotTakeIsLeftToBeSentAgain() async throws {
        let registry = Registry()
        let failures: [StorageError] = [.busy("full"), .closed, .database(operation: "write", message: "disk")]
        for (index, failure) in failures.enumerated() {
            let ingester = AggregatedIngester(registry: registry, write: { $1(.failure(failure)) })
            var payloads = Payloads()
            try payloads.add(tags: [("__name__", "a")], value: 1)
            payloads.add([0xff])
            try payloads.add(tags: [("__name__", "b")], value: 1)
            #expect(await ingest(ingester, payloads) == .only([1]))
            #expect(
                registry.value("m3agg_ingest_retried_total", labels: [("reason", failure.reason)]) == 2,
                "failure \(index)")
        }
        #expect(registry.value("m3agg_ingest_stored_total") == 0)
    }

    @Test func nothingIsAcknowledgedBeforeTheWriteReturns() throws {
        typealias Completion = @Sendable (Result<WriteOutcome, StorageError>) -> Void
        let writes = Recorder<Completion>()
        let acknowledged = Recorder<AggregatedIngester.Acknowledgement>()
        let registry = Registry()
        let ingester = AggregatedIngester(registry: registry, write: { writes.add($1) })
        var payloads = Payloads()
        try payloads.add(tags: [("__name__", "a")], value: 1)
        ingester.ingest(payloads.bytes.span.bytes, payloads: payloads.ranges, nowNanos: Self.now) {
            acknowledged.add($0)
        }
        #expect(acknowledged.all.isEmpty)
        #expect(registry.value("m3agg_ingest_in_flight") == 1)
        var outcome = WriteOutcome()
        outcome.stored = 1
        writes.all[0](.success(outcome))
        #expect(acknowledged.all == [.all])
        #expect(registry.value("m3agg_ingest_in_flight") == 0)
    }

    @Test func aBatchOfBadMessagesNeedsNoStore() async {
        let ingester = AggregatedIngester(registry: Registry(), write: { _, _ in Issue.record("nothing to write") })
        var payloads = Payloads()
        payloads.add([0xff])
        #expect(await ingest(ingester, payloads) == .all)
        #expect(await ingest(ingester, Payloads()) == .all)
    }
}
