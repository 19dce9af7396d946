import Testing

@testable import Transport

@Suite struct HTTPRouterTests {
    private func router() -> HTTPRouter {
        var router = HTTPRouter()
        router.get("/") { _, _ in .text("index") }
        router.getOrPost("/api/v1/labels") { _, _ in .text("labels") }
        router.get("/api/v1/label/{name}/values") { _, parameters in .text("values of \(parameters["name"])") }
        router.post("/api/v1/write") { request, _ in .text("\(request.body.count) bytes") }
        return router
    }

    @Test(arguments: [
        ("GET", "/", 200, "index", "/"),
        ("HEAD", "/", 200, "index", "/"),
        ("GET", "/api/v1/labels?match[]=up", 200, "labels", "/api/v1/labels"),
        ("POST", "/api/v1/labels", 200, "labels", "/api/v1/labels"),
        ("GET", "/api/v1/label/job/values", 200, "values of job", "/api/v1/label/{name}/values"),
        ("GET", "/api/v1/label/a%2Fb/values", 200, "values of a/b", "/api/v1/label/{name}/values"),
        ("POST", "/api/v1/write", 200, "3 bytes", "/api/v1/write"),
    ])
    func answers(method: String, target: String, status: Int, text: String, route: String) async throws {
        let request = try HTTPRequest(method: method, target: target, body: [1, 2, 3])
        let (reply, met) = await router().respond(to: request)
        #expect(reply.status == status)
        #expect(String(decoding: reply.body, as: UTF8.self) == text)
        #expect(met == route)
    }

    @Test func tellsWhatIsAllowed() async throws {
        let (reply, route) = await router().respond(to: try HTTPRequest(method: "DELETE", target: "/api/v1/labels"))
        #expect(reply.status == 405)
        #expect(reply.headers["allow"] == "GET, POST")
        #expect(route == "/api/v1/labels")
        let text = String(decoding: reply.body, as: UTF8.self)
        #expect(
            text == """
                {"status":"error","errorType":"method_not_allowed",\
                "error":"DELETE is not allowed for /api/v1/labels: use GET, POST"}
                """)
    }

    @Test func unknownPathsShareOneMetricsLabel() async throws {
        let (reply, route) = await router().respond(to: try HTTPRequest(method: "GET", target: "/no/\"such\""))
        #expect(reply.status == 404)
        #expect(route == "none")
        let text = String(decoding: reply.body, as: UTF8.self)
        #expect(text.hasPrefix(#"{"status":"error","errorType":"not_found","error":"there is nothing at /no/\"such\""#))
    }

    @Test func formParametersStandBeforeThoseOfTheQuery() throws {
        let request = try HTTPRequest(
            method: "POST", target: "/q?query=second&match%5B%5D=c%26d",
            headers: ["content-type": "application/x-www-form-urlencoded; charset=utf-8"],
            body: Array("query=first+one%2B&match[]=a%3Db&flag&bad=%zz%4".utf8))
        #expect(request.parameters.first("query") == "first one+")
        #expect(request.parameters.all("query") == ["first one+", "second"])
        #expect(request.parameters.all("match[]") == ["a=b", "c&d"])
        #expect(request.parameters.first("flag") == "")
        #expect(request.parameters.first("bad") == "%zz%4")
        #expect(request.parameters.first("absent") == nil)
    }

    @Test func refusesFloodsOfParameters() {
        let target = "/q?" + String(repeating: "a=1&", count: HTTPParameters.maxCount + 1)
        #expect(throws: HTTPParameters.TooMany.self) { try HTTPRequest(method: "GET", target: target) }
    }

    @Test func headerNamesIgnoreCase() {
        var headers: HTTPHeaders = ["M3-Storage-Policy": "10s:2d"]
        #expect(headers["m3-storage-policy"] == "10s:2d")
        headers["M3-STORAGE-POLICY"] = nil
        #expect(headers.fields.isEmpty)
    }
}
