import NIOPosix
import Testing

@testable import Transport

@Suite struct HTTPClientTests {
    @Test(arguments: [
        ("http://localhost", "localhost", 80, "/", "localhost"),
        (
            "http://localhost:7201/api/v1/query?query=up#x", "localhost", 7201, "/api/v1/query?query=up",
            "localhost:7201"
        ),
        ("http://[::1]:7201/", "::1", 7201, "/", "[::1]:7201"),
        ("http://[::1]?a=b", "::1", 80, "/?a=b", "[::1]"),
    ])
    func readsURLs(url: String, host: String, port: Int, path: String, authority: String) throws {
        let target = try HTTPTarget(url)
        #expect(target.host == host)
        #expect(target.port == port)
        #expect(target.path == path)
        #expect(target.authority == authority)
    }

    @Test(arguments: [
        "", "localhost:80", "https://localhost", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:x",
        "http://h/a b", "http://h/\r\nX: y",
    ])
    func refusesOtherURLs(url: String) {
        #expect(throws: HTTPClient.Failure.self) { try HTTPTarget(url) }
    }

    @Test func limitsTimeAndSize() async throws {
        let gate = Gate()
        var router = HTTPRouter()
        router.get("/wait") { _, _ in
            await gate.wait()
            return .text("late")
        }
        router.get("/large") { _, _ in HTTPReply(status: 200, body: Array(repeating: 0, count: 10_001)) }
        try await ServedRouter.run(router) { served in
            var options = HTTPClient.Options()
            options.timeoutNanos = 100_000_000
            options.maxReplyBytes = 10_000
            let client = HTTPClient(group: MultiThreadedEventLoopGroup.singleton, options: options)
            let slow = await #expect(throws: HTTPClient.Failure.self) { try await client.get(served.url + "/wait") }
            #expect(slow == .timedOut(url: served.url + "/wait", seconds: 0.1))
            gate.open()
            options.timeoutNanos = 20_000_000_000
            let patient = HTTPClient(group: MultiThreadedEventLoopGroup.singleton, options: options)
            let large = await #expect(throws: HTTPClient.Failure.self) { try await patient.get(served.url + "/large") }
            #expect(large == .replyTooLarge(url: served.url + "/large", limit: 10_000))
        }
    }

    @Test func namesWhereNobodyListens() async throws {
        let client = HTTPClient(group: MultiThreadedEventLoopGroup.singleton)
        let error = await #expect(throws: HTTPClient.Failure.self) { try await client.get("http://127.0.0.1:1/") }
        #expect(error?.description.hasPrefix("cannot connect to 127.0.0.1:1: ") == true)
    }
}
