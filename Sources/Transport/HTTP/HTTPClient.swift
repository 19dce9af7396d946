import NIOCore
import NIOHTTP1
import NIOPosix

/// A small HTTP/1.1 client for the command line and tests: one connection per request, no redirects, no TLS.
public struct HTTPClient: Sendable {
    public struct Options: Sendable {
        /// For connecting, sending and receiving together, in nanoseconds.
        public var timeoutNanos: Int64 = 30_000_000_000
        public var maxReplyBytes = 64 * 1024 * 1024

        public init() {}
    }

    public enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        case invalidURL(String, reason: String)
        case cannotConnect(String, reason: String)
        case timedOut(url: String, seconds: Double)
        case replyTooLarge(url: String, limit: Int)
        case closedEarly(url: String)

        public var description: String {
            switch self {
            case .invalidURL(let url, let reason): "invalid URL '\(url)': \(reason)"
            case .cannotConnect(let address, let reason): "cannot connect to \(address): \(reason)"
            case .timedOut(let url, let seconds): "no answer from \(url) within \(seconds) s"
            case .replyTooLarge(let url, let limit): "the answer of \(url) exceeds \(limit) bytes"
            case .closedEarly(let url): "\(url) closed the connection before its answer was complete"
            }
        }
    }

    private let group: any EventLoopGroup
    private let options: Options

    public init(group: any EventLoopGroup, options: Options = Options()) {
        self.group = group
        self.options = options
    }

    /// - Throws: ``Failure``. Replies of any status are returned.
    public func get(_ url: String, headers: HTTPHeaders = [:]) async throws -> HTTPReply {
        try await send("GET", url, headers: headers, body: [])
    }

    /// - Throws: ``Failure``. Replies of any status are returned.
    public func post(_ url: String, headers: HTTPHeaders = [:], body: [UInt8]) async throws -> HTTPReply {
        try await send("POST", url, headers: headers, body: body)
    }

    /// - Throws: ``Failure``. Replies of any status are returned.
    public func send(
        _ method: String, _ url: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) async throws -> HTTPReply {
        let target = try HTTPTarget(url)
        let head = Self.head(method, target, headers: headers, bodyBytes: body.count)
        let loop = group.next()
        let promise = loop.makePromise(of: HTTPReply.self)
        let limit = options.maxReplyBytes
        let timeout = options.timeoutNanos
        let deadline = loop.scheduleTask(in: .nanoseconds(timeout)) {
            promise.fail(Failure.timedOut(url: url, seconds: Double(timeout) / 1e9))
        }
        defer { deadline.cancel() }
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(timeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(
                        HTTPReplyHandler(url: url, maxReplyBytes: limit, promise: promise))
                }
            }
            .connect(host: target.host, port: target.port)
        connecting.whenFailure { error in
            promise.fail(Failure.cannotConnect(target.authority, reason: "\(error)"))
        }
        connecting.whenSuccess { channel in
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            if !body.isEmpty {
                channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
            }
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
            promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
        }
        return try await promise.futureResult.get()
    }

    private static func head(
        _ method: String, _ target: HTTPTarget, headers: HTTPHeaders, bodyBytes: Int
    ) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: .init(rawValue: method), uri: target.path)
        head.headers.add(name: "Host", value: target.authority)
        head.headers.add(name: "Connection", value: "close")
        if bodyBytes > 0 || method == "POST" { head.headers.add(name: "Content-Length", value: String(bodyBytes)) }
        for (name, value) in headers.fields { head.headers.add(name: name, value: value) }
        return head
    }
}

/// Collects one reply. Lives on the connection's event loop.
private final class HTTPReplyHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let url: String
    private let maxReplyBytes: Int
    private let promise: EventLoopPromise<HTTPReply>
    private var reply: HTTPReply?

    init(url: String, maxReplyBytes: Int, promise: EventLoopPromise<HTTPReply>) {
        self.url = url
        self.maxReplyBytes = maxReplyBytes
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // 100 Continue precedes the answer.
            guard head.status.code >= 200 else { return }
            reply = HTTPReply(
                status: Int(head.status.code),
                headers: HTTPHeaders(head.headers.map { (name: $0.name, value: $0.value) }))
        case .body(let part):
            guard (reply?.body.count ?? 0) + part.readableBytes <= maxReplyBytes else {
                promise.fail(HTTPClient.Failure.replyTooLarge(url: url, limit: maxReplyBytes))
                return
            }
            reply?.body.append(contentsOf: part.readableBytesView)
        case .end:
            if let reply { promise.succeed(reply) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(HTTPClient.Failure.closedEarly(url: url))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(HTTPClient.Failure.closedEarly(url: url))
    }
}
