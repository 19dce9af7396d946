import Metrics
import Query
import Storage
import TestKit
import Testing
import Transport

@testable import Coordinator

@Suite struct QueryAPITests {
    private func policy(_ text: String) throws -> Namespace { .aggregated(try StoragePolicy(parsing: text)) }

    /// `up` of two jobs, unaggregated, one sample a minute.
    private func fixture() async throws -> APIFixture {
        let fixture = try APIFixture()
        try await fixture.write(
            [("__name__", "up"), ("job", "api")], [(120, 1), (60, 0.5), (0, .nan)])
        try await fixture.write([("__name__", "up"), ("job", "db")], [(3600, 7), (60, 2)])
        return fixture
    }

    @Test func instantQueries() async throws {
        let fixture = try await fixture()
        let expected =
            #"{"status":"success","data":{"resultType":"vector","result":["#
            + #"{"metric":{"__name__":"up","job":"api"},"value":[1700000000,"NaN"]},"#
            + #"{"metric":{"__name__":"up","job":"db"},"value":[1700000000,"2"]}]}}"#
        let now = try await fixture.send("/api/v1/query?query=up")
        #expect(now.status == 200)
        #expect(now.text == expected)
        #expect(now.reply.headers["content-type"] == "application/json")
        let posted = try await fixture.send(
            "POST", "/api/v1/query", headers: ["Content-Type": "application/x-www-form-urlencoded"],
            body: Array("query=up%7B%7D&time=2023-11-14T22:13:20Z".utf8))
        #expect(posted.text == expected)
        let before = try await fixture.send("/api/v1/query?query=up%7Bjob%3D~%22a.%2B%22%7D&time=1699999950.5")
        #expect(
            before.text
                == #"{"status":"success","data":{"resultType":"vector","result":["#
                + #"{"metric":{"__name__":"up","job":"api"},"value":[1699999950.500,"0.5"]}]}}"#)
        let matrix = try await fixture.send("/api/v1/query?query=up%7Bjob!%3D%22db%22%7D%5B90s%5D")
        #expect(
            matrix.text
                == #"{"status":"success","data":{"resultType":"matrix","result":["#
                + #"{"metric":{"__name__":"up","job":"api"},"values":[[1699999940,"0.5"],[1700000000,"NaN"]]}]}}"#)
    }

    @Test func rangeQueries() async throws {
        let fixture = try await fixture()
        let reply = try await fixture.send(
            "/api/v1/query_range?query=up%7Bjob!~%22d.%2B%22%7D&start=1699999850&end=1700000000&step=1m")
        #expect(
            reply.text
                == #"{"status":"success","data":{"resultType":"matrix","result":["#
                + #"{"metric":{"__name__":"up","job":"api"},"values":[[1699999910,"1"],[1699999970,"0.5"]]}]}}"#)
    }

    @Test func metadata() async throws {
        let fixture = try await fixture()
        try await fixture.write([("__name__", "up_by_job"), ("job", "api")], [(10, 3)], in: try policy("10s:2d"))
        func data(_ target: String) async throws -> String {
            let reply = try await fixture.send(target)
            #expect(reply.status == 200)
            return reply.text
        }
        #expect(
            try await data("/api/v1/series?match%5B%5D=up&match%5B%5D=%7Bjob%3D%22api%22%7D")
                == #"{"status":"success","data":[{"__name__":"up","job":"api"},{"__name__":"up","job":"db"},"#
                + #"{"__name__":"up_by_job","job":"api"}]}"#)
        #expect(
            try await data("/api/v1/series?match%5B%5D=up&limit=1")
                == #"{"status":"success","data":[{"__name__":"up","job":"api"}],"#
                + #""warnings":["results truncated due to limit"]}"#)
        #expect(try await data("/api/v1/labels") == #"{"status":"success","data":["__name__","job"]}"#)
        #expect(
            try await data("/api/v1/label/__name__/values") == #"{"status":"success","data":["up","up_by_job"]}"#)
        #expect(
            try await data("/api/v1/label/job/values?match%5B%5D=up_by_job") == #"{"status":"success","data":["api"]}"#)
        #expect(try await data("/api/v1/label/none/values") == #"{"status":"success","data":[]}"#)
        #expect(
            try await data("/api/v1/labels?start=0&end=1") == #"{"status":"success","data":[]}"#)
    }

    /// Source: `docs/http-api.md`, Choosing a namespace.
    @Test func aPolicyChoosesItsNamespace() async throws {
        let fixture = try await fixture()
        try await fixture.write([("__name__", "up"), ("job", "api")], [(60, 100)], in: try policy("10s:2d"))
        try await fixture.write([("__name__", "up"), ("job", "api")], [(60, 200)], in: try policy("1m:40d"))
        try await fixture.write([("__name__", "only"), ("job", "api")], [(60, 300)], in: try policy("10s:2d"))
        try await fixture.write([("__name__", "only"), ("job", "api")], [(60, 400)], in: try policy("1m:40d"))
        func values(_ selector: String, _ headers: HTTPHeaders = [:]) async throws -> String {
            let reply = try await fixture.send(
                "/api/v1/query?query=\(HTTPParameters.encode(selector))&time=1699999950", headers: headers)
            return reply.text.split(separator: "\"value\":").dropFirst()
                .map { String($0.prefix { $0 != "]" }.split(separator: "\"")[1]) }.joined(separator: " ")
        }
        let api = #"{job="api"}"#
        #expect(try await values(api) == "300 0.5")
        #expect(try await values(api, ["M3-Metrics-Type": "unaggregated"]) == "0.5")
        #expect(try await values(api, ["M3-Storage-Policy": "10s:2d"]) == "300 100")
        #expect(
            try await values(api, ["M3-Metrics-Type": "aggregated", "M3-Storage-Policy": "1m@1s:40d"]) == "400 200")
    }

    @Test(arguments: [
        (["M3-Storage-Policy": "10s"], 400, "header M3-Storage-Policy: invalid storage policy '10s'"),
        (["M3-Metrics-Type": "aggregated"], 400, "header M3-Metrics-Type aggregated needs M3-Storage-Policy"),
        (
            ["M3-Metrics-Type": "unaggregated", "M3-Storage-Policy": "10s:2d"], 400,
            "header M3-Storage-Policy '10s:2d' cannot go with M3-Metrics-Type unaggregated"
        ),
        (["M3-Metrics-Type": "odd"], 400, "header M3-Metrics-Type 'odd' is unknown"),
        (
            ["M3-Storage-Policy": "7s:2d"], 404,
            "nothing is stored under storage policy 7s:2d yet; known namespaces: unaggregated"
        ),
    ])
    func wrongHeaders(headers: [String: String], status: Int, message: String) async throws {
        let fixture = try await fixture()
        for target in ["/api/v1/query?query=up", "/api/v1/labels", "/api/v1/series?match%5B%5D=up"] {
            let reply = try await fixture.send(
                target, headers: HTTPHeaders(headers.map { (name: $0.key, value: $0.value) }))
            #expect(reply.status == status)
            let type = status == 404 ? "not_found" : "bad_data"
            #expect(reply.text.hasPrefix(#"{"status":"error","errorType":"\#(type)","error":"\#(message)"#))
        }
    }

    @Test(arguments: [
        ("/api/v1/query", 400, "bad_data", #"invalid parameter \"query\": it is missing"#),
        ("/api/v1/query?query=up%7B", 400, "bad_data", #"invalid parameter \"query\": 1:4: parse error:"#),
        ("/api/v1/query?query=up&time=x", 400, "bad_data", #"invalid parameter \"time\": cannot parse 'x'"#),
        ("/api/v1/query?query=rate(up%5B5m%5D)", 422, "execution", "the function rate is not supported yet"),
        ("/api/v1/query?query=1%2Bup", 422, "execution", "the binary operator + is not supported yet"),
        ("/api/v1/query?query=up&timeout=0", 400, "bad_data", #"invalid parameter \"timeout\": '0' is not positive"#),
        ("/api/v1/query_range?query=up&start=0&end=1", 400, "bad_data", #"invalid parameter \"step\": it is missing"#),
        ("/api/v1/query_range?query=up&start=0&end=1&step=0", 400, "bad_data", #"invalid parameter \"step\": zero"#),
        ("/api/v1/query_range?query=up&start=0&end=11001&step=1", 400, "bad_data", "exceeded maximum resolution"),
        ("/api/v1/series", 400, "bad_data", #"invalid parameter \"match[]\": at least one"#),
        ("/api/v1/series?match%5B%5D=rate(up%5B1m%5D)", 400, "bad_data", #"invalid parameter \"match[]\": it must be"#),
        ("/api/v1/labels?start=2&end=1", 400, "bad_data", #"invalid parameter \"end\": end timestamp"#),
        ("/api/v1/labels?limit=-1", 400, "bad_data", #"invalid parameter \"limit\": '-1'"#),
        ("/api/v1/nothing", 404, "not_found", "there is nothing at /api/v1/nothing"),
    ])
    func errors(target: String, status: Int, type: String, message: String) async throws {
        let reply = try await fixture().send(target)
        #expect(reply.status == status)
        #expect(reply.text.hasPrefix(#"{"status":"error","errorType":"\#(type)","error":"\#(message)"#))
    }

    @Test func limits() async throws {
        var options = CoordinatorAPI.Options()
        options.limits.maxSeries = 1
        let fixture = try APIFixture(options: options)
        try await fixture.write([("__name__", "up"), ("job", "a")], [(0, 1)])
        try await fixture.write([("__name__", "up"), ("job", "b")], [(0, 1)])
        let query = try await fixture.send("/api/v1/query?query=up")
        #expect(query.status == 422)
        #expect(query.text.contains("more than 1 series"))
        let series = try await fixture.send("/api/v1/series?match%5B%5D=up")
        #expect(series.status == 422)
        options = CoordinatorAPI.Options()
        options.maxConcurrentReads = 0
        let closed = try await APIFixture(options: options).send("/api/v1/labels")
        #expect(closed.status == 503)
        #expect(closed.reply.headers["Retry-After"] == "1")
    }

    @Test func timeouts() async throws {
        let error = await #expect(throws: QueryError.self) {
            try await CoordinatorAPI.withTimeout(nanos: 1_000_000) {
                try await Task.sleep(for: .seconds(600))
                return .text("late")
            }
        }
        #expect(error?.kind == .timeout)
        #expect(error?.httpStatus == 503)
        let reply = try await CoordinatorAPI.withTimeout(nanos: 600_000_000_000) { .text("early") }
        #expect(reply.status == 200)
    }
}
