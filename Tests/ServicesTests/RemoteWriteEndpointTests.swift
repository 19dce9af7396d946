import Coordinator
import MessageQueue
import Metrics
import Rules
import Storage
import Telemetry
import TestKit
import Testing
import Transport
import WireFormat

@testable import Services

/// Remote writes against a real store and a producer whose aggregator is away, so that what it queues stays.
@Suite(.serialized) struct RemoteWriteEndpointTests {
    private static let rules = """
        mappingRules:
          - name: sums
            filter: "__name__:counted*"
            aggregations: [Sum]
            storagePolicies: ["10s:48h"]
        """

    private let store: TestStore
    private let producer: Producer
    private let endpoint: RemoteWriteEndpoint
    private let nowMs = WallClock.nowMs()

    init() throws {
        store = try TestStore("remote-write")
        producer = try startProducer("127.0.0.1:9") {
            $0.onFull = .returnError
            $0.maxBufferBytes = 20_000
        }
        let rules = try RuleFiles([(file: "rules.yaml", yaml: Self.rules)]).ruleSet(version: 1)
        endpoint = RemoteWriteEndpoint(
            handler: RemoteWriteHandler(downsampler: Downsampler(rules: rules)), store: store.store,
            producer: producer, registry: store.registry)
    }

    private var queued: UInt64 { producer.stats.services[0].queued }

    private func count(_ name: String, _ labels: [(String, String)]? = nil) -> Double {
        store.registry.value("m3agg_coordinator_remote_write_\(name)_total", labels: labels)
    }

    private func stop() async { await producer.close(deadline: .zero) }

    @Test func aGoodRequestIsStoredAndQueued() async throws {
        let reply = await endpoint.respond(
            to: try RemoteWrite.request([
                RemoteWrite.series("counted", 1, atMs: nowMs), RemoteWrite.series("plain", 2, atMs: nowMs),
            ]))
        #expect(reply.status == 200)
        #expect(reply.body.isEmpty)
        #expect(try await store.values("counted", in: .unaggregated) == [1])
        #expect(try await store.values("plain", in: .unaggregated) == [2])
        #expect(queued == 1)
        #expect(count("samples_received") == 2)
        #expect(count("samples_stored") == 2)
        #expect(count("messages") == 1)
        await stop()
    }

    @Test func labelsOfTheMapTagsHeaderAreGivenToEverySeries() async throws {
        var request = try RemoteWrite.request([RemoteWrite.series("counted", 1, atMs: nowMs)])
        request.headers["M3-Map-Tags-JSON"] = #"{"tagMappers":[{"write":{"tag":"__name__","value":"renamed"}}]}"#
        #expect(await endpoint.respond(to: request).status == 200)
        #expect(try await store.values("renamed", in: .unaggregated) == [1])
        #expect(try await store.values("counted", in: .unaggregated) == [])
        request.headers["M3-Map-Tags-JSON"] = #"{"tagMappers":[{"drop":{"tag":"a"}}]}"#
        let refused = await endpoint.respond(to: request)
        #expect(refused.status == 400)
        #expect(String(decoding: refused.body, as: UTF8.self).contains("M3-Map-Tags-JSON"))
        #expect(count("requests_refused", [("reason", "bad_header")]) == 1)
        await stop()
    }

    @Test func anEmptyRequestIsFine() async throws {
        #expect(await endpoint.respond(to: try RemoteWrite.request([])).status == 200)
        await stop()
    }

    @Test func aFullQueueRefusesTheWholeRequestForNow() async throws {
        // Fills the queue to where the next request does not fit as a whole, though its first messages would.
        let many = (0..<100).map { RemoteWrite.series("counted_\($0)", 1, atMs: nowMs) }
        #expect(await endpoint.respond(to: try RemoteWrite.request(Array(many[..<60]))).status == 200)
        let before = queued
        #expect(before == 60)
        let reply = await endpoint.respond(to: try RemoteWrite.request(many))
        #expect(reply.status == 503)
        #expect(reply.headers["Retry-After"] == "1")
        #expect(String(decoding: reply.body, as: UTF8.self).contains("send the request again"))
        #expect(queued == before)
        #expect(count("requests_refused", [("reason", "buffer_full")]) == 1)
        #expect(count("samples_received") == 60)
        // What needs no message is still taken.
        let plain = await endpoint.respond(to: try RemoteWrite.request([RemoteWrite.series("plain", 3, atMs: nowMs)]))
        #expect(plain.status == 200)
        await stop()
    }

    @Test func aNearlyFullQueueIsAskedBeforeAnythingIsStored() async throws {
        var sent = 0
        while !producer.isNearlyFull {
            let reply = await endpoint.respond(
                to: try RemoteWrite.request([RemoteWrite.series("counted_\(sent)", 1, atMs: nowMs)]))
            try #require(reply.status == 200)
            sent += 1
            try #require(sent < 1_000)
        }
        let reply = await endpoint.respond(to: try RemoteWrite.request([RemoteWrite.series("counted", 1, atMs: nowMs)]))
        #expect(reply.status == 503)
        #expect(reply.headers["Retry-After"] == "1")
        #expect(try await store.values("counted", in: .unaggregated).isEmpty)
        #expect(queued == UInt64(sent))
        await stop()
    }

    @Test func aRequestThatNoQueueCanEverTakeIsNotAskedForAgain() async throws {
        let many = (0..<1_000).map { RemoteWrite.series("counted_\($0)", 1, atMs: nowMs) }
        let reply = await endpoint.respond(to: try RemoteWrite.request(many))
        #expect(reply.status == 400)
        #expect(reply.headers["Retry-After"] == nil)
        #expect(String(decoding: reply.body, as: UTF8.self).contains("split it"))
        #expect(queued == 0)
        #expect(count("requests_refused", [("reason", "batch_too_large")]) == 1)
        await stop()
    }

    @Test func aClosedProducerIsUnavailable() async throws {
        await producer.close(deadline: .zero)
        let reply = await endpoint.respond(to: try RemoteWrite.request([RemoteWrite.series("counted", 1, atMs: nowMs)]))
        #expect(reply.status == 503)
        #expect(count("requests_refused", [("reason", "closed")]) == 1)
    }

    @Test func aClosedStoreIsUnavailableAndNothingIsQueued() async throws {
        store.store.close()
        let reply = await endpoint.respond(to: try RemoteWrite.request([RemoteWrite.series("counted", 1, atMs: nowMs)]))
        #expect(reply.status == 503)
        #expect(reply.headers["Retry-After"] == "1")
        #expect(queued == 0)
        await stop()
    }

    @Test func goodSeriesBesideBadOnesAreKept() async throws {
        var nameless = RemoteWrite.series("x", 1, atMs: nowMs)
        nameless.labels = [(name: "job", value: "a")]
        let reply = await endpoint.respond(
            to: try RemoteWrite.request([
                RemoteWrite.series("counted", 5, atMs: nowMs), nameless,
                RemoteWrite.series("counted_future", 1, atMs: nowMs + 3_600_000),
                RemoteWrite.series("plain", 6, atMs: nowMs),
            ]))
        #expect(reply.status == 400)
        let text = String(decoding: reply.body, as: UTF8.self)
        #expect(text.contains("2 of 4 samples were refused (missing_name=1, timestamp_too_far_ahead=1)"))
        #expect(text.contains("counted_future"))
        #expect(try await store.values("counted", in: .unaggregated) == [5])
        #expect(try await store.values("plain", in: .unaggregated) == [6])
        #expect(queued == 1)
        #expect(count("samples_dropped", [("reason", "missing_name")]) == 1)
        #expect(count("samples_received") == count("samples_stored") + count("samples_dropped"))
        await stop()
    }

    @Test func aStaleMarkerIsStoredAndNotSent() async throws {
        let stale = Double(bitPattern: RemoteWriteHandler.staleMarkerBits)
        let reply = await endpoint.respond(
            to: try RemoteWrite.request([RemoteWrite.series("counted", stale, atMs: nowMs)]))
        #expect(reply.status == 200)
        let values = try await store.values("counted", in: .unaggregated)
        #expect(values.map(\.bitPattern) == [RemoteWriteHandler.staleMarkerBits])
        #expect(queued == 0)
        #expect(count("stale_markers") == 1)
        await stop()
    }

    @Test(
        arguments: [
            (Array("hello, this is no snappy".utf8), "snappy"),
            ([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], "decompressed bytes is 4294967295"),
            ([], "snappy"),
        ] as [([UInt8], String)]) func bodiesThatAreNoSnappyAreRefused(body: [UInt8], word: String) async throws
    {
        let request = try HTTPRequest(method: "POST", target: "/api/v1/write", body: body)
        let reply = await endpoint.respond(to: request)
        #expect(reply.status == 400)
        #expect(String(decoding: reply.body, as: UTF8.self).lowercased().contains(word))
        #expect(count("requests_refused") == 1)
        #expect(queued == 0)
        await stop()
    }

    @Test func aBodyThatIsMalformedAnywhereIsRefusedAsAWhole() async throws {
        var writer = ByteWriter()
        let good = RemoteWrite.series("counted", 1, atMs: nowMs)
        RemoteWriteWriter.append(labels: good.labels, samples: good.samples, to: &writer)
        writer.append(contentsOf: [0x0a, 0x7f, 0x01])
        let body = writer.withUnsafeBytes { Snappy.compress($0.bytes) }
        let reply = await endpoint.respond(to: try HTTPRequest(method: "POST", target: "/api/v1/write", body: body))
        #expect(reply.status == 400)
        #expect(try await store.values("counted", in: .unaggregated).isEmpty)
        #expect(queued == 0)
        await stop()
    }

    @Test func headersSayWhereSamplesGo() async throws {
        func send(_ name: String, _ headers: HTTPHeaders) async throws -> Int {
            await endpoint.respond(
                to: try RemoteWrite.request([RemoteWrite.series(name, 1, atMs: nowMs)], headers: headers)
            ).status
        }
        #expect(try await send("counted_raw", ["M3-Metrics-Type": "unaggregated"]) == 200)
        #expect(queued == 0)
        #expect(try await store.values("counted_raw", in: .unaggregated) == [1])
        let policy = ["M3-Metrics-Type": "aggregated", "M3-Storage-Policy": "1m:40d"] as HTTPHeaders
        #expect(try await send("counted_done", policy) == 200)
        #expect(queued == 0)
        #expect(
            try await store.values("counted_done", in: .aggregated(try StoragePolicy(parsing: "1m:40d"))) == [1])
        #expect(try await store.values("counted_done", in: .unaggregated).isEmpty)
        #expect(try await send("counted_rules", ["M3-Write-Type": "aggregate"]) == 200)
        #expect(queued == 1)
        #expect(try await store.values("counted_rules", in: .unaggregated).isEmpty)
        #expect(try await send("counted_type", ["Prometheus-Metric-Type": "COUNTER"]) == 200)
        #expect(try await send("counted_type", ["Prometheus-Metric-Type": "stateset"]) == 200)
        await stop()
    }

    @Test(arguments: [
        ["M3-Metrics-Type": "aggregated"], ["M3-Metrics-Type": "odd"], ["M3-Storage-Policy": "10s:2d"],
        ["M3-Metrics-Type": "aggregated", "M3-Storage-Policy": "soon"], ["M3-Write-Type": "odd"],
        ["Prometheus-Metric-Type": "odd"],
    ]) func contradictoryHeadersAreRefused(headers: [String: String]) async throws {
        let fields = headers.map { (name: $0.key, value: $0.value) }
        let reply = await endpoint.respond(
            to: try RemoteWrite.request(
                [RemoteWrite.series("counted", 1, atMs: nowMs)], headers: HTTPHeaders(fields)))
        #expect(reply.status == 400)
        let text = String(decoding: reply.body, as: UTF8.self)
        #expect(headers.keys.contains { text.contains($0) })
        #expect(count("requests_refused", [("reason", "bad_header")]) == 1)
        #expect(queued == 0)
        await stop()
    }
}
