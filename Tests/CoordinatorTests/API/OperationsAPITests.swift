import Telemetry
import Testing
import Transport

@testable import Coordinator

@Suite struct OperationsAPITests {
    @Test func healthTellsUptime() async throws {
        let fixture = try APIFixture()
        let health = try await fixture.send("/health")
        #expect(health.status == 200)
        #expect(health.text == #"{"ok":true,"uptime":"0s","now":"2023-11-14T22:13:20.000Z"}"#)
        let prometheus = try await fixture.send("/-/healthy")
        #expect(prometheus.status == 200)
    }

    @Test func readinessNamesWhatIsMissing() async throws {
        let ready = try APIFixture(checks: [ReadinessCheck(name: "storage")])
        let up = try await ready.send("/ready")
        #expect(up.status == 200)
        #expect(up.text == #"{"ready":true,"checks":[{"name":"storage","ready":true}]}"#)
        #expect(try await ready.send("/-/ready").status == 200)
        let notReady = try APIFixture(
            checks: [ReadinessCheck(name: "storage"), ReadinessCheck(name: "aggregator", problem: "no \"leader\"")])
        let down = try await notReady.send("/ready")
        #expect(down.status == 503)
        #expect(
            down.text
                == #"{"ready":false,"checks":[{"name":"storage","ready":true},"#
                + #"{"name":"aggregator","ready":false,"problem":"no \"leader\""}]}"#)
        let prometheus = try await notReady.send("/-/ready")
        #expect(prometheus.status == 503)
        #expect(prometheus.text == "m3agg is not ready: aggregator\n")
    }

    @Test func warningsAreShownAndDoNotCount() async throws {
        let fixture = try APIFixture(
            checks: [ReadinessCheck(name: "storage"), ReadinessCheck(name: "rules", warning: "a.yaml:3: no \"x\"")])
        let ready = try await fixture.send("/ready")
        #expect(ready.status == 200)
        #expect(
            ready.text
                == #"{"ready":true,"checks":[{"name":"storage","ready":true},"#
                + #"{"name":"rules","ready":true,"warning":"a.yaml:3: no \"x\""}]}"#)
        #expect(try await fixture.send("/-/ready").status == 200)
    }

    @Test func metricsHaveTheTextFormat() async throws {
        let fixture = try APIFixture()
        fixture.registry.counter("m3agg_test_total", help: "A test.").add(3 as UInt64)
        let reply = try await fixture.send("/metrics")
        #expect(reply.reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            reply.text.contains(
                "# HELP m3agg_test_total A test.\n# TYPE m3agg_test_total counter\nm3agg_test_total 3\n"))
    }

    @Test func theIndexListsAllRoutes() async throws {
        let fixture = try APIFixture()
        let index = try await fixture.send("/")
        #expect(index.reply.headers["Content-Type"] == "text/plain; charset=utf-8")
        for line in ["POST /api/v1/prom/remote/write", "GET, POST /api/v1/query_range", "GET /metrics"] {
            #expect(index.text.split(separator: "\n").contains(Substring(line)))
        }
    }

    @Test(arguments: ["/api/v1/prom/remote/write", "/api/v1/write"])
    func remoteWriteGoesToItsHandler(path: String) async throws {
        let fixture = try APIFixture(remoteWrite: { request in
            .text("\(request.body) \(request.headers["M3-Metrics-Type"] ?? "")", status: 202)
        })
        let reply = try await fixture.send(
            "POST", path, headers: ["m3-metrics-type": "unaggregated"], body: [1, 2])
        #expect(reply.status == 202)
        #expect(reply.text == "[1, 2] unaggregated")
        #expect(try await fixture.send(path).status == 405)
    }
}
