import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Synchronization
import Telemetry

/// Turns one request on a connection into plain values, has the router answer it and writes the reply.
final class HTTPResponder: Sendable {
    /// Thrown to have the connection closed.
    private struct ConnectionUnusable: Error {}

    private enum Body {
        case complete([UInt8])
        case tooLarge
        case overloaded
    }

    private let router: HTTPRouter
    private let options: HTTPServerOptions
    private let metrics: HTTPServerMetrics
    private let logger: Logger
    private let bodyBytesInFlight = Atomic<Int>(0)

    init(router: HTTPRouter, options: HTTPServerOptions, metrics: HTTPServerMetrics, logger: Logger) {
        self.router = router
        self.options = options
        self.metrics = metrics
        self.logger = logger
    }

    func respond(to request: Request, writer: consuming ResponseWriter, channel: any Channel) async throws {
        let started = ContinuousClock.now
        metrics.inFlight.add(1)
        var reserved = 0
        defer {
            metrics.inFlight.add(-1)
            bodyBytesInFlight.subtract(reserved, ordering: .relaxed)
        }
        var iterator = request.body.makeAsyncIterator()
        let body: Body
        let declared = Self.declaredLength(request)
        if declared > options.maxBodyBytes {
            body = .tooLarge
        } else {
            if request.headers[.expect]?.lowercased() == "100-continue" {
                try await writer.writeInformationalHead(HTTPResponse(status: .continue))
            }
            body = try await receive(&iterator, declared: declared, reserved: &reserved, channel: channel)
        }
        switch body {
        case .complete(let bytes):
            metrics.bodyBytes.add(bytes.count)
            let (reply, route) = await answer(request, body: bytes)
            record(request, route: route, reply: reply, since: started, remote: channel.remoteAddress)
            try await send(reply, to: request, writer: writer)
        case .tooLarge:
            metrics.drop(reason: "body_too_large")
            var reply = HTTPReply.error(
                413, type: "bad_data",
                "the request body is larger than \(options.maxBodyBytes) bytes, the limit of this server: send smaller "
                    + "requests")
            reply.headers["Connection"] = "close"
            try await refuse(reply, request, writer, &iterator, since: started, channel: channel)
        case .overloaded:
            metrics.drop(reason: "overloaded")
            var reply = HTTPReply.error(
                503, type: "unavailable",
                "requests of more than \(options.maxBodyBytesInFlight) bytes are in progress: try again later")
            reply.headers["Retry-After"] = "5"
            reply.headers["Connection"] = "close"
            try await refuse(reply, request, writer, &iterator, since: started, channel: channel)
        }
    }

    /// Reads the body into one array. The connection is closed when it takes longer than the body timeout.
    private func receive(
        _ iterator: inout RequestBody.AsyncIterator, declared: Int, reserved: inout Int, channel: any Channel
    ) async throws -> Body {
        let metrics = self.metrics
        let timeout = channel.eventLoop.scheduleTask(in: .nanoseconds(options.bodyTimeoutNanos)) {
            metrics.drop(reason: "body_timeout")
            channel.close(promise: nil)
        }
        defer { timeout.cancel() }
        var bytes: [UInt8] = []
        // A declared length is only a claim: room for it is made as bytes arrive.
        bytes.reserveCapacity(min(declared, 256 * 1024))
        while let part = try await iterator.next() {
            guard bytes.count + part.readableBytes <= options.maxBodyBytes else { return .tooLarge }
            let total = bodyBytesInFlight.add(part.readableBytes, ordering: .relaxed).newValue
            reserved += part.readableBytes
            guard total <= options.maxBodyBytesInFlight else { return .overloaded }
            bytes.append(contentsOf: part.readableBytesView)
        }
        guard declared < 0 || bytes.count == declared else {
            metrics.drop(reason: "body_incomplete")
            throw ConnectionUnusable()
        }
        return .complete(bytes)
    }

    private func answer(
        _ request: Request, body: [UInt8]
    ) async -> (reply: HTTPReply, route: String) {
        var headers = HTTPHeaders()
        for field in request.headers { headers.add(field.name.rawName, field.value) }
        do {
            let plain = try HTTPRequest(
                method: request.method.rawValue, target: request.head.path ?? "/", headers: headers, body: body)
            return await router.respond(to: plain)
        } catch {
            return (HTTPReply.error(400, type: "bad_data", error.description), "none")
        }
    }

    private func send(_ reply: HTTPReply, to request: Request, writer: consuming ResponseWriter) async throws {
        var fields = HTTPFields()
        for (name, value) in reply.headers.fields {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        if reply.status != 204 { fields[.contentLength] = String(reply.body.count) }
        let head = HTTPResponse(status: .init(code: min(max(reply.status, 200), 599)), headerFields: fields)
        if reply.body.isEmpty || request.method == .head {
            try await writer.writeResponse(head)
        } else {
            try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: reply.body)))
        }
    }

    /// Answers before the body has arrived. A client that is still writing sees the answer only if somebody reads on
    /// for a while; then the connection is closed, because what follows on it may never end.
    private func refuse(
        _ reply: HTTPReply, _ request: Request, _ writer: consuming ResponseWriter,
        _ iterator: inout RequestBody.AsyncIterator, since started: ContinuousClock.Instant, channel: any Channel
    ) async throws {
        record(request, route: "none", reply: reply, since: started, remote: channel.remoteAddress)
        try await send(reply, to: request, writer: writer)
        let timeout = channel.eventLoop.scheduleTask(in: .nanoseconds(options.bodyTimeoutNanos)) {
            channel.close(promise: nil)
        }
        defer { timeout.cancel() }
        var drained = 0
        while drained <= 2 * options.maxBodyBytes, let part = try await iterator.next() {
            drained += part.readableBytes
        }
        throw ConnectionUnusable()
    }

    /// The declared length of the body, -1 when there is none.
    private static func declaredLength(_ request: Request) -> Int {
        request.headers[.contentLength].flatMap { Int($0) } ?? -1
    }

    private func record(
        _ request: Request, route: String, reply: HTTPReply, since started: ContinuousClock.Instant,
        remote: SocketAddress?
    ) {
        let (seconds, attoseconds) = started.duration(to: .now).components
        let elapsed = Double(seconds) + Double(attoseconds) * 1e-18
        metrics.record(route: route, code: reply.status, seconds: elapsed)
        logger.debug(
            "request",
            metadata: [
                "method": "\(request.method.rawValue)", "path": "\((request.head.path ?? "").prefix(512))",
                "status": "\(reply.status)", "bytes": "\(reply.body.count)", "seconds": "\(elapsed)",
                "remote": "\(remote?.description ?? "")",
            ])
    }
}
