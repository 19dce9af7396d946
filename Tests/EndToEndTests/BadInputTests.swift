import Foundation
import TestKit
import Testing

/// Bad input costs its sender an error or a counted drop, and nobody else anything.
@Suite(.serialized) struct BadInputTests {
    static let rules = """
        mappingRules:
          - name: everything, the sum per second
            filter: "__name__:bad_input_test"
            aggregations: [Sum]
            storagePolicies: [{resolution: 1s, retention: 48h}]
        """

    @Test(.timeLimit(.minutes(3))) func refusesWhatIsWrongAndKeepsTheRest() async throws {
        let directory = try TemporaryDirectory("bad-input")
        let server = try await StandaloneServer.start(
            in: directory, rules: Self.rules, arguments: ["--lateness", "1s", "--forwarding-delay", "5s"])
        try await remoteWrite(server)
        try await sockets(server)
        try await queries(server)
        try await Conservation.check(server)
        #expect(await server.process.stop() == 0)
    }

    private func remoteWrite(_ server: StandaloneServer) async throws {
        let url = server.url("/api/v1/prom/remote/write")
        let nowMs = Int64(Date().timeIntervalSince1970 * 1000)
        func series(_ labels: [(String, String)], _ points: [Point]) -> RemoteWriteBody.Series {
            RemoteWriteBody.Series(pairs: labels, points: points)
        }
        let good = series([("__name__", "bad_input_test"), ("kind", "good")], [Point(timeMs: nowMs, value: 1)])
        let now = Point(timeMs: nowMs, value: 7)
        let bad: [(what: String, series: RemoteWriteBody.Series)] = [
            ("no name", series([("kind", "no_name")], [now])),
            ("empty label name", series([("__name__", "bad_input_test"), ("", "x")], [now])),
            (
                "duplicate label",
                series([("__name__", "bad_input_test"), ("kind", "a"), ("kind", "b")], [now])
            ),
            (
                "an hour ahead",
                series(
                    [("__name__", "bad_input_test"), ("kind", "future")],
                    [Point(timeMs: nowMs + 3_600_000, value: 7)])
            ),
            (
                "a year ago",
                series(
                    [("__name__", "bad_input_test"), ("kind", "past")],
                    [Point(timeMs: nowMs - 31_536_000_000, value: 7)])
            ),
        ]
        for (index, (what, one)) in bad.enumerated() {
            let answer = try await HTTP.send(
                "POST", url,
                body: RemoteWriteBody.make([
                    RemoteWriteBody.Series(
                        pairs: [("__name__", "bad_input_test"), ("kind", "beside_\(index)")],
                        points: [Point(timeMs: nowMs, value: 1)]), one,
                ]))
            #expect(answer.status == 400, "\(what)")
            #expect(answer.text.contains("\"status\":\"error\""), "\(what): \(answer.text)")
        }
        let bodies: [(what: String, body: Data)] = [
            ("no snappy", Data("hello".utf8)),
            ("a declared size of 4 GiB", Data([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x00])),
            ("snappy of random bytes", RemoteWriteBody.snappy(Data((0..<200).map { _ in .random(in: 0...255) }))),
            ("half a body", RemoteWriteBody.make([good]).prefix(20)),
        ]
        for (what, body) in bodies {
            let answer = try await HTTP.send("POST", url, body: body)
            #expect((400..<500).contains(answer.status), "\(what): \(answer.status)")
        }
        let special = try await HTTP.send(
            "POST", url,
            body: RemoteWriteBody.make([
                series(
                    [("__name__", "bad_input_test"), ("kind", "special")],
                    [
                        Point(timeMs: nowMs - 2, value: .nan), Point(timeMs: nowMs - 1, value: 5),
                        Point(timeMs: nowMs, value: Double(bitPattern: 0x7ff0_0000_0000_0002)),
                    ]), good,
            ]))
        #expect(special.status == 200 || special.status == 204)
        let stored = try await PrometheusAnswers.query(
            server.url(""), "bad_input_test[1m]", headers: ["M3-Metrics-Type": "unaggregated"])
        #expect(Set(stored.keys.compactMap { $0["kind"] }).isSuperset(of: (0..<bad.count).map { "beside_\($0)" }))
        #expect(stored.keys.contains { $0["kind"] == "good" })
        #expect(!stored.keys.contains { $0["kind"] == "past" || $0["kind"] == "future" || $0["kind"] == "no_name" })
        let windows = try await poll("the windows of the good series", deadline: .seconds(30)) {
            let answer = try await PrometheusAnswers.query(
                server.url(""), "bad_input_test[1m]", headers: ["M3-Storage-Policy": "1s:48h"])
            return answer.keys.contains { $0["kind"] == "special" } && answer.keys.contains { $0["kind"] == "good" }
                ? answer : nil
        }
        let total = windows.filter { $0.key["kind"] == "special" }.values.joined().reduce(0) { $0 + $1.value }
        #expect(total == 5)
    }

    private func sockets(_ server: StandaloneServer) async throws {
        let port = StandaloneServer.port(server.addresses.ingest)
        let before = try await ScrapedMetrics.scrape(server)
        let patterns: [[UInt8]] = [
            [0xff, 0xff, 0xff, 0xff],  // a frame of 4 GiB
            [0, 0, 0, 9, 1, 2, 3],  // half a frame
            [0, 0, 0, 4, 0x0b, 0x0c, 0x0d, 0x0e],  // groups
            [0, 0, 0, 3, 0x0a, 0x7f, 0x01],  // metadata longer than the frame
            (0..<5000).map { _ in UInt8.random(in: 0...255) },
            // Two good frames with payloads that are none: acknowledged and counted.
            [0, 0, 0, 8, 0x0a, 0x02, 0x10, 0x01, 0x12, 0x02, 0xff, 0xff, 0, 0, 0, 2, 0x0a, 0x00],
        ]
        for bytes in patterns {
            let socket = try LoopbackSocket(port: port)
            try socket.send(bytes)
            socket.close()
        }
        _ = try await poll("the bad payloads to be counted", deadline: .seconds(20)) {
            let now = try await ScrapedMetrics.scrape(server)
            return now.total("m3agg_aggregator_bad_total") >= before.total("m3agg_aggregator_bad_total") + 1
                ? true : nil
        }
        #expect(try await HTTP.send("GET", server.url("/ready")).status == 200)
    }

    private func queries(_ server: StandaloneServer) async throws {
        for (path, status) in [
            ("/api/v1/query?query=sum(up)", 422), ("/api/v1/query?query=up%7B", 400),
            ("/api/v1/query?query=up&time=yesterday", 400), ("/api/v1/series", 400), ("/nothing/here", 404),
            ("/api/v1/query_range?query=up&start=0&end=100000000&step=1", 400),
        ] {
            let answer = try await HTTP.send("GET", server.url(path))
            #expect(answer.status == status, "\(path): \(answer.status) \(answer.text)")
            #expect(answer.text.contains("error"), "\(path)")
        }
        let answer = try await HTTP.send(
            "GET", server.url("/api/v1/query?query=up"), headers: ["M3-Storage-Policy": "ten seconds"])
        #expect(answer.status == 400)
        #expect(answer.text.contains("ten seconds"))
    }
}
