import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Synchronization
import Telemetry

/// Serves a router over HTTP/1.1 on an event loop group that is passed in. Limits: ``HTTPServerOptions``.
public final class HTTPServer: Sendable {
    /// Where a server listens.
    public struct BoundAddress: Sendable, Equatable, CustomStringConvertible {
        public var host: String
        public var port: Int
        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    public enum Failure: Error, CustomStringConvertible {
        case alreadyStarted
        case cannotListen(host: String, port: Int, reason: String)

        public var description: String {
            switch self {
            case .alreadyStarted: "this HTTP server was started before: make a new one"
            case .cannotListen(let host, let port, let reason):
                "cannot listen for HTTP on \(host):\(port): \(reason)"
            }
        }
    }

    private struct Running {
        let server: Server<EventLoopHTTPChannel>
        let task: Task<Void, Never>
    }

    private let group: any EventLoopGroup
    private let host: String
    private let port: Int
    private let options: HTTPServerOptions
    private let responder: HTTPResponder
    private let logger: Logger
    private let running = Mutex<Running?>(nil)

    /// - Parameters:
    ///   - host: name or address to listen on.
    ///   - port: 0 for one that the system chooses; ``start()`` returns it.
    public init(
        group: any EventLoopGroup, host: String, port: Int, options: HTTPServerOptions = HTTPServerOptions(),
        router: HTTPRouter, registry: Registry, logger: Logger
    ) {
        self.group = group
        self.host = host
        self.port = port
        self.options = options
        self.logger = logger
        responder = HTTPResponder(
            router: router, options: options, metrics: HTTPServerMetrics(registry: registry), logger: logger)
    }

    /// Binds and serves until ``stop()``. To be called once.
    /// - Throws: ``Failure``
    public func start() async throws -> BoundAddress {
        let bound = AsyncStream<Result<BoundAddress, Failure>>.makeStream(bufferingPolicy: .bufferingOldest(1))
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let configuration = HTTP1Channel.Configuration(
            idleTimeout: .nanoseconds(options.idleTimeoutNanos),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: options.maxHeaderBytes, maxHeaderListSize: options.maxHeaderBytes,
                maxHeaderFieldCount: options.maxHeaderCount))
        let responder = self.responder
        let server = Server(
            childChannelSetup: EventLoopHTTPChannel(
                base: HTTP1Channel(
                    responder: { request, writer, channel in
                        try await responder.respond(to: request, writer: writer, channel: channel)
                    }, configuration: configuration), tls: options.tls),
            configuration: ServerConfiguration(
                address: .hostname(host, port: port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(options.maxConnections, logger: quiet)),
            onServerRunning: { channel in
                let local = channel.localAddress
                bound.continuation.yield(
                    .success(BoundAddress(host: local?.ipAddress ?? "", port: local?.port ?? 0)))
            },
            eventLoopGroup: group, logger: quiet)
        let host = self.host
        let port = self.port
        try running.withLock { running in
            guard running == nil else { throw Failure.alreadyStarted }
            let task = Task {
                do {
                    try await server.run()
                } catch {
                    bound.continuation.yield(
                        .failure(.cannotListen(host: host, port: port, reason: "\(error)")))
                }
                bound.continuation.finish()
            }
            running = Running(server: server, task: task)
        }
        for await outcome in bound.stream { return try outcome.get() }
        throw Failure.cannotListen(host: host, port: port, reason: "the server ended while it started")
    }

    /// Takes no new connections, lets requests in progress end (at most the shutdown timeout), closes everything.
    public func stop() async {
        guard let running = running.withLock({ $0 }) else { return }
        let deadline = Task {
            try await Task.sleep(nanoseconds: UInt64(clamping: options.shutdownTimeoutNanos))
            logger.warning("HTTP requests were still in progress at the shutdown timeout; closing their connections")
            running.task.cancel()
        }
        do {
            try await running.server.shutdownGracefully()
        } catch {
            logger.warning("HTTP shutdown: \(error)")
        }
        await running.task.value
        deadline.cancel()
    }
}
