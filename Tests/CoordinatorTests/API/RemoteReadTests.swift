import Metrics
import Query
import Storage
import Testing
import Transport
import WireFormat

@testable import Coordinator

@Suite struct RemoteReadTests {
    private func body(_ queries: [RemoteReadQuery]) -> [UInt8] {
        var writer = ByteWriter()
        RemoteReadRequest.append(queries, to: &writer)
        return writer.withUnsafeBytes { Snappy.compress($0.bytes) }
    }

    private func results(_ body: [UInt8]) throws -> [[RemoteReadSeries]] {
        let bytes = try Snappy.decompress(body.span.bytes, limit: 1 << 20)
        return try RemoteReadResponse.read(bytes.span.bytes, in: ByteRange(offset: 0, count: bytes.count))
    }

    private func query(_ matchers: [RemoteReadMatcher], secondsAgo: Int64 = 300) -> RemoteReadQuery {
        RemoteReadQuery(
            startMillis: APIFixture.now - secondsAgo * 1000, endMillis: APIFixture.now, matchers: matchers)
    }

    @Test(arguments: ["/api/v1/prom/remote/read", "/api/v1/read"])
    func answersEveryQueryWithSamplesAsTheyAre(path: String) async throws {
        let fixture = try APIFixture()
        let stale = Double(bitPattern: QueryEvaluator.staleMarkerBits)
        try await fixture.write(
            [("__name__", "up"), ("job", "a")], [(301, 9), (300, 1), (60, stale), (1, 0.1), (-1, 9)])
        try await fixture.write([("__name__", "up"), ("job", "b")], [(10, -2.5)])
        let up = RemoteReadMatcher(type: .equal, name: "__name__", value: "up")
        let reply = try await fixture.send(
            "POST", path,
            body: body([
                query([up, RemoteReadMatcher(type: .doesNotMatch, name: "job", value: "b|c")]),
                query([up, RemoteReadMatcher(type: .matches, name: "job", value: "b|c")]),
                query([RemoteReadMatcher(type: .notEqual, name: "job", value: "")], secondsAgo: 5),
                query([RemoteReadMatcher(type: .equal, name: "job", value: "none")]),
            ]))
        #expect(reply.status == 200)
        #expect(reply.reply.headers["Content-Type"] == "application/x-protobuf")
        #expect(reply.reply.headers["Content-Encoding"] == "snappy")
        func series(_ job: String, _ samples: [(Int64, Double)]) -> RemoteReadSeries {
            RemoteReadSeries(
                labels: [("__name__", "up"), ("job", job)].map { (Array($0.0.utf8), Array($0.1.utf8)) },
                samples: samples.map { PrometheusSample(timestampMillis: APIFixture.now - $0.0 * 1000, value: $0.1) })
        }
        #expect(
            try results(reply.reply.body) == [
                [series("a", [(300, 1), (60, stale), (1, 0.1)])], [series("b", [(10, -2.5)])],
                [series("a", [(1, 0.1)])], [],
            ])
    }

    @Test func obeysTheNamespaceHeaders() async throws {
        let fixture = try APIFixture()
        try await fixture.write([("__name__", "up")], [(10, 1)])
        try await fixture.write(
            [("__name__", "up")], [(10, 2)], in: .aggregated(try StoragePolicy(parsing: "10s:2d")))
        let request = body([query([RemoteReadMatcher(type: .equal, name: "__name__", value: "up")])])
        let plain = try await fixture.send("POST", "/api/v1/read", body: request)
        #expect(try results(plain.reply.body)[0].map { $0.samples.map(\.value) } == [[1]])
        let chosen = try await fixture.send(
            "POST", "/api/v1/read", headers: ["M3-Storage-Policy": "10s:2d"], body: request)
        #expect(try results(chosen.reply.body)[0].map { $0.samples.map(\.value) } == [[2]])
    }

    @Test func refusesWhatIsNoRequest() async throws {
        let fixture = try APIFixture()
        let many = Array(repeating: query([]), count: CoordinatorAPI.Options().maxRemoteReadQueries + 1)
        let wrong: [([UInt8], String)] = [
            ([], "the body is no remote read request"), ([1, 2, 3], "the body is no remote read request"),
            (Snappy.compress([0x0a, 0x05].span.bytes), "the body is no remote read request"),
            (body(many), "queries of a remote read"),
            (
                body([query([RemoteReadMatcher(type: .matches, name: "job", value: "(")])]),
                "invalid matcher on label 'job'"
            ),
        ]
        for (body, message) in wrong {
            let reply = try await fixture.send("POST", "/api/v1/read", body: body)
            #expect(reply.status == 400)
            #expect(reply.text.hasPrefix(#"{"status":"error","errorType":"bad_data","error":""#))
            #expect(reply.text.contains(message))
        }
        let backwards = RemoteReadQuery(startMillis: 2, endMillis: 1, matchers: [])
        let reply = try await fixture.send("POST", "/api/v1/read", body: body([backwards]))
        #expect(reply.status == 400)
    }

    @Test func countsSamplesOfAllQueriesTogether() async throws {
        var options = CoordinatorAPI.Options()
        options.limits.maxSamples = 3
        let fixture = try APIFixture(options: options)
        try await fixture.write([("__name__", "up")], [(10, 1), (5, 2)])
        let up = query([RemoteReadMatcher(type: .equal, name: "__name__", value: "up")])
        #expect(try await fixture.send("POST", "/api/v1/read", body: body([up])).status == 200)
        #expect(try await fixture.send("POST", "/api/v1/read", body: body([up, up])).status == 422)
    }
}
