import Logging
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import Testing

@testable import Transport

/// A server on a free port of the loopback interface for the length of one test.
struct ServedRouter {
    let address: HTTPServer.BoundAddress
    let registry: Registry
    let client: HTTPClient
    var url: String { "http://\(address)" }

    static func run(
        _ router: HTTPRouter, options: HTTPServerOptions = HTTPServerOptions(),
        _ body: (ServedRouter) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let registry = Registry()
        let server = HTTPServer(
            group: group, host: "127.0.0.1", port: 0, options: options, router: router, registry: registry,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let address = try await server.start()
        var clientOptions = HTTPClient.Options()
        clientOptions.timeoutNanos = 20_000_000_000
        let served = ServedRouter(
            address: address, registry: registry, client: HTTPClient(group: group, options: clientOptions))
        do {
            try await body(served)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        await #expect(throws: (any Error).self) { try await served.client.get(served.url + "/") }
    }

    /// Sends bytes as they are and collects what comes back until the peer closes.
    func exchange(_ text: String) async throws -> String {
        try await RawConnection.open(address).exchange(text)
    }
}

@Suite struct HTTPServerTests {
    private static func echo() -> HTTPRouter {
        var router = HTTPRouter()
        router.get("/") { _, _ in .text("index") }
        router.post("/echo") { request, _ in
            HTTPReply(status: 200, headers: ["X-Length": "\(request.body.count)"], body: request.body)
        }
        router.getOrPost("/form") { request, _ in .text(request.parameters.all("q").joined(separator: ",")) }
        router.get("/nothing") { _, _ in HTTPReply(status: 204) }
        return router
    }

    @Test func onlyQuickHandlersWithSmallBodiesRunOnTheEventLoop() async throws {
        @Sendable func place(_ request: HTTPRequest) async -> HTTPReply {
            await Task.yield()
            return .text(MultiThreadedEventLoopGroup.currentEventLoop == nil ? "pool" : "loop")
        }
        var router = HTTPRouter()
        router.post("/quick", placement: .eventLoop) { request, _ in await place(request) }
        router.post("/slow") { request, _ in await place(request) }
        try await ServedRouter.run(router) { served async throws in
            func post(_ path: String, bytes: Int) async throws -> String {
                let reply = try await served.client.post(
                    served.url + path, body: [UInt8](repeating: 0, count: bytes))
                return String(decoding: reply.body, as: UTF8.self)
            }
            #expect(try await post("/quick", bytes: 10) == "loop")
            #expect(try await post("/quick", bytes: HTTPRouter.maxBodyOnEventLoop) == "loop")
            #expect(try await post("/quick", bytes: HTTPRouter.maxBodyOnEventLoop + 1) == "pool")
            #expect(try await post("/slow", bytes: 10) == "pool")
        }
    }

    @Test func answersOverSockets() async throws {
        try await ServedRouter.run(Self.echo()) { served in
            #expect(served.address.port > 0)
            let index = try await served.client.get(served.url)
            #expect(index.status == 200)
            #expect(String(decoding: index.body, as: UTF8.self) == "index")
            let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
            let echo = try await served.client.post(served.url + "/echo", body: body)
            #expect(echo.body == body)
            #expect(echo.headers["x-length"] == "300000")
            let form = try await served.client.post(
                served.url + "/form?q=b", headers: ["Content-Type": "application/x-www-form-urlencoded"],
                body: Array("q=a".utf8))
            #expect(String(decoding: form.body, as: UTF8.self) == "a,b")
            let head = try await served.client.send("HEAD", served.url)
            #expect(head.status == 200)
            #expect(head.headers["content-length"] == "5")
            #expect(head.body.isEmpty)
            let nothing = try await served.client.get(served.url + "/nothing")
            #expect(nothing.status == 204)
            let unknown = try await served.client.get(served.url + "/unknown")
            #expect(unknown.status == 404)
        }
    }

    @Test func countsRequestsByRouteAndCode() async throws {
        try await ServedRouter.run(Self.echo()) { served in
            _ = try await served.client.get(served.url + "/")
            _ = try await served.client.get(served.url + "/")
            _ = try await served.client.get(served.url + "/unknown1")
            _ = try await served.client.get(served.url + "/unknown2")
            let name = "m3agg_http_requests_total"
            #expect(served.registry.value(name, labels: [("route", "/"), ("code", "200")]) == 2)
            #expect(served.registry.value(name, labels: [("route", "none"), ("code", "404")]) == 2)
            #expect(served.registry.exposition().contains("m3agg_http_request_seconds_count{route=\"/\"} 2"))
        }
    }

    @Test func refusesLargeBodies() async throws {
        var options = HTTPServerOptions()
        options.maxBodyBytes = 1000
        try await ServedRouter.run(Self.echo(), options: options) { served in
            let fits = try await served.client.post(served.url + "/echo", body: Array(repeating: 1, count: 1000))
            #expect(fits.status == 200)
            let declared = try await served.client.post(served.url + "/echo", body: Array(repeating: 1, count: 1001))
            #expect(declared.status == 413)
            #expect(String(decoding: declared.body, as: UTF8.self).contains("larger than 1000 bytes"))
            let chunk = "200\r\n" + String(repeating: "x", count: 512) + "\r\n"
            let chunked = try await served.exchange(
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n")
            #expect(chunked.hasPrefix("HTTP/1.1 413 "))
            #expect(
                served.registry.value("m3agg_http_requests_dropped_total", labels: [("reason", "body_too_large")]) == 2)
            let after = try await served.client.get(served.url + "/")
            #expect(after.status == 200)
        }
    }

    @Test func limitsBodiesInFlightTogether() async throws {
        var options = HTTPServerOptions()
        options.maxBodyBytesInFlight = 1000
        let gate = Gate()
        var router = HTTPRouter()
        router.post("/wait") { _, _ in
            await gate.wait()
            return .text("done")
        }
        try await ServedRouter.run(router, options: options) { served in
            async let first = served.client.post(served.url + "/wait", body: Array(repeating: 1, count: 800))
            try await eventually { gate.waiting == 1 }
            let second = try await served.client.post(served.url + "/wait", body: Array(repeating: 1, count: 300))
            #expect(second.status == 503)
            #expect(second.headers["Retry-After"] == "5")
            gate.open()
            let status = try await first.status
            #expect(status == 200)
            let third = try await served.client.post(served.url + "/wait", body: Array(repeating: 1, count: 300))
            #expect(third.status == 200)
        }
    }

    @Test func closesConnectionsWhoseBodiesDripIn() async throws {
        var options = HTTPServerOptions()
        options.bodyTimeoutNanos = 200_000_000
        try await ServedRouter.run(Self.echo(), options: options) { served in
            let reply = try await served.exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            #expect(reply == "")
            #expect(
                served.registry.value("m3agg_http_requests_dropped_total", labels: [("reason", "body_timeout")]) == 1)
        }
    }

    @Test func closesSilentConnections() async throws {
        var options = HTTPServerOptions()
        options.idleTimeoutNanos = 200_000_000
        try await ServedRouter.run(Self.echo(), options: options) { served in
            let reply = try await served.exchange("GET / HTT")
            #expect(reply == "")
        }
    }

    @Test func keepsConnectionsOpenBetweenRequests() async throws {
        try await ServedRouter.run(Self.echo()) { served in
            let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            let last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            let reply = try await served.exchange(get + get + last)
            #expect(reply.split(separator: "HTTP/1.1 200 OK").count == 3)
        }
    }

    @Test func answersExpectContinue() async throws {
        try await ServedRouter.run(Self.echo()) { served in
            let connection = try await RawConnection.open(served.address)
            let reply = try await connection.exchange(
                "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
                then: "abc", afterSeeing: "100 Continue")
            #expect(reply.contains("HTTP/1.1 200 OK"))
            #expect(reply.hasSuffix("\r\n\r\nabc"))
        }
    }

    @Test(arguments: ["BLURB\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\r\n\r\n"])
    func answersGarbageWith400(text: String) async throws {
        try await ServedRouter.run(Self.echo()) { served in
            let reply = try await served.exchange(text)
            #expect(reply.hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test func refusesHugeHeaders() async throws {
        try await ServedRouter.run(Self.echo()) { served in
            let reply = try await served.exchange(
                "GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "x", count: 100_000) + "\r\n\r\n")
            #expect(reply.hasPrefix("HTTP/1.1 400 "))
        }
    }

    @Test func stopWaitsForRequestsInProgress() async throws {
        let gate = Gate()
        var router = HTTPRouter()
        router.get("/wait") { _, _ in
            await gate.wait()
            return .text("done")
        }
        let group = MultiThreadedEventLoopGroup.singleton
        let server = HTTPServer(
            group: group, host: "127.0.0.1", port: 0, router: router, registry: Registry(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let address = try await server.start()
        async let reply = HTTPClient(group: group).get("http://\(address)/wait")
        try await eventually { gate.waiting == 1 }
        async let stopped: Void = server.stop()
        gate.open()
        let status = try await reply.status
        #expect(status == 200)
        await stopped
    }

    @Test func namesThePortThatIsTaken() async throws {
        try await ServedRouter.run(Self.echo()) { served in
            let second = HTTPServer(
                group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: served.address.port,
                router: HTTPRouter(), registry: Registry(),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            let error = await #expect(throws: HTTPServer.Failure.self) { try await second.start() }
            #expect(error?.description.contains("127.0.0.1:\(served.address.port)") == true)
        }
    }
}
