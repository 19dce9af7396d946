import Metrics
import Query
import Storage
import Synchronization
import Telemetry
import TestKit
import Transport

@testable import Coordinator

/// The coordinator's routes over a store in a directory of its own, at a fixed time, without sockets.
final class APIFixture: Sendable {
    /// 2023-11-14T22:13:20Z
    static let now: Int64 = 1_700_000_000_000

    let directory: TemporaryDirectory
    let store: TimeSeriesStore
    let registry = Registry()
    let router: HTTPRouter

    init(
        options: CoordinatorAPI.Options = CoordinatorAPI.Options(), checks: [ReadinessCheck] = [],
        remoteWrite: @escaping @Sendable (HTTPRequest) async -> HTTPReply = { _ in HTTPReply(status: 204) }
    ) throws {
        directory = try TemporaryDirectory("api")
        var storeOptions = StoreOptions()
        storeOptions.clock = { Self.now }
        storeOptions.runsMaintenance = false
        let store = try TimeSeriesStore(directory: directory.path("store"), options: storeOptions, registry: registry)
        self.store = store
        router = CoordinatorAPI(
            source: { scope throws(QueryError) in try StorageSeriesSource(store: store, scope: scope) },
            remoteWrite: remoteWrite, readiness: { checks }, registry: registry,
            nowNanos: { Self.now * 1_000_000 }, options: options
        ).router()
    }

    deinit { store.close() }

    /// Stores one series; times in seconds before now.
    func write(
        _ labels: [(name: String, value: String)], _ samples: [(secondsAgo: Int64, value: Double)],
        in namespace: Namespace = .unaggregated
    ) async throws {
        var batch = SampleBatch()
        let series = batch.addLabels(try Labels(labels))
        let index = batch.index(of: namespace)
        for sample in samples {
            batch.append(
                labels: series, namespace: index, timestampMs: Self.now - sample.secondsAgo * 1000, value: sample.value)
        }
        try await store.write(batch)
    }

    func send(_ target: String, headers: HTTPHeaders = [:]) async throws -> (
        status: Int, text: String, reply: HTTPReply
    ) {
        try await send("GET", target, headers: headers)
    }

    func send(
        _ method: String, _ target: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) async throws -> (status: Int, text: String, reply: HTTPReply) {
        let reply = await router.respond(
            to: try HTTPRequest(method: method, target: target, headers: headers, body: body)
        ).reply
        return (reply.status, String(decoding: reply.body, as: UTF8.self), reply)
    }
}
