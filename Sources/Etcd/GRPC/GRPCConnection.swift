import Cluster
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import Synchronization

/// One HTTP/2 connection to an etcd member, which carries any number of calls at a time.
final class GRPCConnection: Sendable {
    let endpoint: Endpoint
    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer
    private let isSecure: Bool
    private let isGoingAway: Flag
    private let token = Mutex<String?>(nil)

    /// Set once, from the connection's event loop.
    final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    /// What a call may carry besides its message.
    struct CallOptions {
        /// Ends the call with `unavailable` when the member loses touch with a leader, instead of staying silent.
        var requiresLeader = false
    }

    static func connect(
        to endpoint: Endpoint, options: EtcdOptions, group: any EventLoopGroup
    ) async throws(GRPCError) -> GRPCConnection {
        let goingAway = Flag()
        do {
            let (channel, multiplexer) = try await ClientBootstrap(group: group)
                .connectTimeout(TimeAmount(options.dialTimeout))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .connect(host: endpoint.host, port: Int(endpoint.port)) { channel in
                    let before =
                        options.configureChannel?(channel, endpoint) ?? channel.eventLoop.makeSucceededVoidFuture()
                    return before.flatMapThrowing {
                        (channel, try addHTTP2(to: channel, options: options, goingAway: goingAway))
                    }
                }
            return GRPCConnection(
                endpoint: endpoint, channel: channel, multiplexer: multiplexer,
                isSecure: options.configureChannel != nil, isGoingAway: goingAway)
        } catch {
            throw GRPCError(code: .unavailable, message: "connect to \(endpoint): \(error)", wasSent: false)
        }
    }

    private static func addHTTP2(
        to channel: any Channel, options: EtcdOptions, goingAway: Flag
    ) throws -> NIOHTTP2Handler.StreamMultiplexer {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        // etcd's gRPC answers nearly every DATA frame with a PING to measure the bandwidth; the default of 200 in 30 s would end
        // the connection, and all watches on it, after some 200 calls.
        configuration.controlFrameRateLimit.maximumCount = 1_000_000
        configuration.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .initialWindowSize, value: 1_048_576),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 65_536),
        ]
        configuration.targetWindowSize = 4_194_304
        var streams = NIOHTTP2Handler.StreamConfiguration()
        streams.targetWindowSize = 1_048_576
        // A call that is given up is reset; a client may do that as often as it likes.
        streams.streamErrorRateLimit.maximumCount = 1_000_000
        let handler = NIOHTTP2Handler(
            mode: .client, eventLoop: channel.eventLoop, connectionConfiguration: configuration,
            streamConfiguration: streams
        ) { stream in stream.close() }
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.pipeline.syncOperations.addHandler(
            ConnectionWatchdog(
                period: TimeAmount(options.keepAlivePeriod), timeout: TimeAmount(options.keepAliveTimeout),
                onGoingAway: { goingAway.set() }))
        return try handler.syncMultiplexer()
    }

    private init(
        endpoint: Endpoint, channel: any Channel, multiplexer: NIOHTTP2Handler.StreamMultiplexer, isSecure: Bool,
        isGoingAway: Flag
    ) {
        self.endpoint = endpoint
        self.channel = channel
        self.multiplexer = multiplexer
        self.isSecure = isSecure
        self.isGoingAway = isGoingAway
    }

    /// Whether new calls can be made.
    var isUsable: Bool { channel.isActive && !isGoingAway.isSet }

    func use(token: String) { self.token.withLock { $0 = token } }

    func close() { channel.close(promise: nil) }

    /// One request, one response. Cancelling the task, or the deadline, resets the stream.
    func unary(
        _ path: String, _ message: [UInt8], timeout: Duration, options: CallOptions = CallOptions()
    ) async throws(GRPCError) -> ByteBuffer {
        let call = openStream(path, options: options, maxWaitingMessages: 1)
        call.send(message, isLast: true)
        let timeoutTask = channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            call.end(
                GRPCError(code: .deadlineExceeded, message: "\(self.endpoint) did not answer within \(timeout)"))
        }
        defer { timeoutTask.cancel() }
        let result = await withTaskCancellationHandler { () async -> Result<ByteBuffer, GRPCError> in
            do throws(GRPCError) {
                var response: ByteBuffer?
                for try await next in call.responses { response = next }
                guard let response else { throw GRPCError(code: .internal, message: "the response has no message") }
                return .success(response)
            } catch {
                return .failure(error)
            }
        } onCancel: {
            call.end(GRPCError(code: .cancelled, message: "the call was cancelled"))
        }
        return try result.get()
    }

    /// A call with any number of messages each way; the caller must `end` it.
    /// - Parameter maxWaitingMessages: responses that may wait for their reader; with one more the call ends with an error.
    func openStream(_ path: String, options: CallOptions, maxWaitingMessages: Int) -> GRPCStream {
        let stream = GRPCStream(maxWaitingMessages: maxWaitingMessages)
        multiplexer.createStreamChannel { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    GRPCStreamHandler(
                        maxMessageBytes: EtcdOptions.maxMessageBytes,
                        onMessage: { stream.received($0) }, onEnd: { stream.finish($0) }))
            }
        }.whenComplete { result in
            switch result {
            case .success(let channel): stream.opened(channel, headers: self.headers(path, options))
            case .failure(let error):
                stream.finish(GRPCError(code: .unavailable, message: "\(error)", wasSent: false))
            }
        }
        return stream
    }

    private func headers(_ path: String, _ options: CallOptions) -> HPACKHeaders {
        var headers: HPACKHeaders = [
            ":method": "POST", ":scheme": isSecure ? "https" : "http", ":path": path,
            ":authority": endpoint.description, "content-type": "application/grpc", "te": "trailers",
            "user-agent": "m3agg",
        ]
        if let token = token.withLock({ $0 }) { headers.add(name: "token", value: token) }
        if options.requiresLeader { headers.add(name: "hasleader", value: "true") }
        return headers
    }
}

extension TimeAmount {
    /// Rounded down to nanoseconds, at most a year.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(min(max(seconds, 0), 31_536_000) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
