import Cluster
import EtcdProtocol
import Logging
import NIOCore
import SwiftProtobuf
import Telemetry

/// Keeps one connection to any member of the cluster: connects when a call needs it, goes to the next member when one fails, and
/// waits longer after each round in which none could be reached.
actor EtcdConnector {
    private static let firstBackoff = Duration.milliseconds(50)
    private static let maxBackoff = Duration.seconds(1)

    private struct Waiter {
        var continuation: CheckedContinuation<Result<GRPCConnection, GRPCError>, Never>
        var timeout: Task<Void, Never>
    }

    private let options: EtcdOptions
    private let group: any EventLoopGroup
    private let logger: Logger
    private let connects: Counter
    private let failures: Counter
    private var current: GRPCConnection?
    private var nextEndpoint = 0
    private var connecting: Task<Void, Never>?
    private var waiters: [UInt64: Waiter] = [:]
    private var nextWaiter: UInt64 = 0
    private var lastError: GRPCError?
    private var isClosed = false

    init(options: EtcdOptions, group: any EventLoopGroup, registry: Registry, logger: Logger) {
        self.options = options
        self.group = group
        self.logger = logger
        connects = registry.counter("m3agg_etcd_connects_total", help: "Connections made to members of etcd.")
        failures = registry.counter(
            "m3agg_etcd_connect_failures_total", help: "Attempts to connect to a member of etcd that failed.")
    }

    /// A connection that takes calls, made when there is none. Throws `unavailable` with the last member's reason when the time
    /// is up, and at once when the credentials are wrong.
    func connection(within time: Duration) async throws(GRPCError) -> GRPCConnection {
        if isClosed { throw Self.closedError }
        if let current, current.isUsable { return current }
        current = nil
        if connecting == nil { connecting = Task { await connect() } }
        nextWaiter += 1
        let id = nextWaiter
        let timeout = Task {
            try? await Task.sleep(for: time)
            if !Task.isCancelled { giveUp(id) }
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { waiters[id] = Waiter(continuation: $0, timeout: timeout) }
        } onCancel: {
            Task { await giveUp(id) }
        }
        return try result.get()
    }

    /// To be called with a connection that failed a call: the next call goes to another member.
    func discard(_ connection: GRPCConnection) {
        connection.close()
        if current === connection { current = nil }
    }

    func close() {
        isClosed = true
        connecting?.cancel()
        current?.close()
        current = nil
        resumeAll(.failure(Self.closedError))
    }

    private static let closedError = GRPCError(code: .cancelled, message: "the client is closed", wasSent: false)

    private func giveUp(_ id: UInt64) {
        guard let waiter = waiters.removeValue(forKey: id) else { return }
        waiter.timeout.cancel()
        let members = options.endpoints.map(\.description).joined(separator: ", ")
        let reason = lastError.map { "; \($0.message)" } ?? ""
        waiter.continuation.resume(
            returning: .failure(
                GRPCError(code: .unavailable, message: "no member of \(members) answers\(reason)", wasSent: false)))
    }

    private func resumeAll(_ result: Result<GRPCConnection, GRPCError>) {
        let all = waiters.values
        waiters = [:]
        for waiter in all {
            waiter.timeout.cancel()
            waiter.continuation.resume(returning: result)
        }
    }

    /// Goes around the members until one is reached or nobody waits any longer.
    private func connect() async {
        defer { connecting = nil }
        var backoff = Self.firstBackoff
        while !isClosed, !waiters.isEmpty, !options.endpoints.isEmpty {
            for _ in options.endpoints {
                let endpoint = options.endpoints[nextEndpoint % options.endpoints.count]
                nextEndpoint = (nextEndpoint + 1) % options.endpoints.count
                do throws(GRPCError) {
                    let connection = try await GRPCConnection.connect(to: endpoint, options: options, group: group)
                    try await authenticate(connection)
                    guard !isClosed else { return connection.close() }
                    connects.add()
                    logger.debug("connected to etcd", metadata: ["endpoint": "\(endpoint)"])
                    current = connection
                    resumeAll(.success(connection))
                    return
                } catch {
                    failures.add()
                    if lastError != error {
                        logger.warning(
                            "can't use a member of etcd", metadata: ["endpoint": "\(endpoint)", "error": "\(error)"])
                    }
                    lastError = error
                    if !error.isTransient { resumeAll(.failure(error)) }
                }
            }
            // Half of it by chance, so that processes which lost the same member don't come back all at once.
            try? await Task.sleep(for: backoff / 2 + .milliseconds(Int64.random(in: 0...backoff.milliseconds / 2)))
            backoff = min(backoff * 2, Self.maxBackoff)
        }
    }

    /// Gets a token for the connection when there are credentials.
    func authenticate(_ connection: GRPCConnection) async throws(GRPCError) {
        guard let credentials = options.credentials else { return }
        var request = Etcdserverpb_AuthenticateRequest()
        request.name = credentials.user
        request.password = credentials.password
        do throws(GRPCError) {
            let response: Etcdserverpb_AuthenticateResponse = try await EtcdCall.authenticate.unary(
                request, over: connection, timeout: options.attemptTimeout)
            connection.use(token: response.token)
        } catch {
            // A cluster without authentication takes calls from anyone, as long as they bring no token.
            if error.code == .failedPrecondition { return }
            connection.close()
            throw GRPCError(
                code: error.code, message: "log in to etcd as \(credentials.user): \(error.message)", wasSent: false)
        }
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
