import EtcdProtocol
import KeyValue
import Logging
import NIOCore
import SwiftProtobuf
import Telemetry

/// etcd's operations over whichever member answers.
///
/// Requests that may be repeated are, on another member, until the request timeout; those that change something are only when
/// they certainly weren't carried out. See `docs/etcd.md`.
public final class EtcdClient: Sendable {
    public let options: EtcdOptions
    let connector: EtcdConnector
    let logger: Logger
    let registry: Registry
    private let retries: Counter
    private static let retryPause = Duration.milliseconds(50)

    /// Connects when the first call is made. The event loop group stays the caller's.
    public init(options: EtcdOptions, group: any EventLoopGroup, registry: Registry, logger: Logger) {
        self.options = options
        self.logger = logger
        self.registry = registry
        connector = EtcdConnector(options: options, group: group, registry: registry, logger: logger)
        retries = registry.counter(
            "m3agg_etcd_retries_total", help: "Calls to etcd that were made again, mostly to another member.")
    }

    /// Ends all calls; later ones fail.
    public func close() async {
        await connector.close()
    }

    func call<Response: Message>(
        _ call: EtcdCall, _ request: some Message, timeout: Duration? = nil
    ) async throws(GRPCError) -> Response {
        let deadline = ContinuousClock.now + (timeout ?? options.requestTimeout)
        var tokensLeft = 2
        while true {
            let left = deadline - .now
            let connection = try await connector.connection(within: left)
            let failure: GRPCError
            do throws(GRPCError) {
                return try await call.unary(
                    request, over: connection, timeout: min(deadline - .now, options.attemptTimeout))
            } catch {
                failure = error
            }
            if failure.asksForNewToken, options.credentials != nil, tokensLeft > 0 {
                tokensLeft -= 1
                try await connector.authenticate(connection)
                continue
            }
            if failure.isTransient { await connector.discard(connection) }
            let mayRepeat = failure.isTransient && (call.isRepeatable || !failure.wasSent)
            guard mayRepeat, !Task.isCancelled, deadline - .now > Self.retryPause else { throw failure }
            retries.add()
            try? await Task.sleep(for: Self.retryPause)
        }
    }

    /// A stream of messages both ways on the current connection; it ends with the connection and is not made again.
    func openStream(_ call: EtcdCall, maxWaitingMessages: Int) async throws(GRPCError) -> GRPCStream {
        let connection = try await connector.connection(within: options.requestTimeout)
        return connection.openStream(
            call.path, options: .init(requiresLeader: true), maxWaitingMessages: maxWaitingMessages)
    }

    /// After an error on a stream of the current connection that a fresh token may cure.
    func renewToken() async throws(GRPCError) {
        try await connector.authenticate(connector.connection(within: options.requestTimeout))
    }
}

extension GRPCError {
    /// As callers of a key-value store see it.
    var keyValueError: KeyValueError {
        switch code {
        case .permissionDenied, .unauthenticated, .resourceExhausted, .invalidArgument, .failedPrecondition:
            .refused(message)
        case .cancelled where message == "the client is closed": .closed
        default: .unavailable(message)
        }
    }
}
