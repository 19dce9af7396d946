import Query
import Storage
import Synchronization
import Telemetry
import Transport

/// The coordinator's HTTP API as routes over plain values. Source: `docs/http-api.md`.
public struct CoordinatorAPI: Sendable {
    public struct Options: Sendable {
        public var limits = QueryLimits()
        /// Queries that take longer are given up, in nanoseconds, unless the parameter `timeout` asks for less.
        public var queryTimeoutNanos: Int64 = 120_000_000_000
        /// Reads that are carried out at one time; more are answered 503.
        public var maxConcurrentReads = 20
        /// A remote read request, decompressed.
        public var maxRemoteReadBytes = 1024 * 1024
        /// Queries in one remote read request.
        public var maxRemoteReadQueries = 64

        public init() {}
    }

    let source: @Sendable (ReadScope) throws(QueryError) -> any SeriesSource
    let remoteWrite: @Sendable (HTTPRequest) async -> HTTPReply
    let readiness: @Sendable () async -> [ReadinessCheck]
    let registry: Registry
    let nowNanos: @Sendable () -> Int64
    let options: Options
    let readGate: ReadGate
    let startNanos: Int64

    /// - Parameters:
    ///   - source: the series of a scope; see ``StorageSeriesSource``.
    ///   - remoteWrite: answers a remote write; its body is as it came, compressed.
    ///   - readiness: what has to be up before requests make sense.
    ///   - nowNanos: nanoseconds since 1970.
    public init(
        source: @escaping @Sendable (ReadScope) throws(QueryError) -> any SeriesSource,
        remoteWrite: @escaping @Sendable (HTTPRequest) async -> HTTPReply,
        readiness: @escaping @Sendable () async -> [ReadinessCheck], registry: Registry,
        nowNanos: @escaping @Sendable () -> Int64, options: Options = Options()
    ) {
        self.source = source
        self.remoteWrite = remoteWrite
        self.readiness = readiness
        self.registry = registry
        self.nowNanos = nowNanos
        self.options = options
        readGate = ReadGate(limit: options.maxConcurrentReads)
        startNanos = nowNanos()
    }

    /// All routes.
    /// - Parameter more: adds routes of others, which the index page at `/` lists too.
    public func router(adding more: (inout HTTPRouter) -> Void = { _ in }) -> HTTPRouter {
        var router = HTTPRouter()
        for path in ["/api/v1/prom/remote/write", "/api/v1/write"] {
            router.post(path, placement: .eventLoop) { [remoteWrite] request, _ in await remoteWrite(request) }
        }
        for path in ["/api/v1/prom/remote/read", "/api/v1/read"] {
            router.post(path) { request, _ in await read { try await remoteRead(request) } }
        }
        router.getOrPost("/api/v1/query") { request, _ in await read { try await instantQuery(request) } }
        router.getOrPost("/api/v1/query_range") { request, _ in await read { try await rangeQuery(request) } }
        router.getOrPost("/api/v1/series") { request, _ in await read { try await series(request) } }
        router.getOrPost("/api/v1/labels") { request, _ in await read { try await labelNames(request) } }
        router.getOrPost("/api/v1/label/{name}/values") { request, parameters in
            await read { try await labelValues(request, of: parameters["name"]) }
        }
        addOperations(to: &router)
        more(&router)
        var index = "m3agg coordinator\n\n"
        for (methods, pattern) in router.listing { index += "\(methods.joined(separator: ", ")) \(pattern)\n" }
        router.get("/") { [index] _, _ in .text(index) }
        return router
    }

    /// Carries out a read within the limits on concurrency; errors become answers in Prometheus' form.
    private func read(_ body: () async throws -> HTTPReply) async -> HTTPReply {
        guard readGate.enter() else {
            var reply = Self.reply(
                to: QueryError(
                    .unavailable, "\(options.maxConcurrentReads) reads are in progress, the limit: try again later"))
            reply.headers["Retry-After"] = "1"
            return reply
        }
        defer { readGate.leave() }
        do {
            return try await body()
        } catch let error as QueryError {
            return Self.reply(to: error)
        } catch is CancellationError {
            return Self.reply(to: QueryError(.unavailable, "the server is stopping"))
        } catch {
            return Self.reply(to: QueryError(.internal, "\(error)"))
        }
    }

    static func reply(to error: QueryError) -> HTTPReply {
        .json(PrometheusJSON.render(error), status: error.httpStatus)
    }
}

/// Counts the reads in progress.
final class ReadGate: Sendable {
    private let limit: Int
    private let inProgress = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    func enter() -> Bool {
        if inProgress.add(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    func leave() { inProgress.subtract(1, ordering: .relaxed) }
}
