import Foundation
import TestKit
import Testing

/// `kill -9` in the middle of the load: what was acknowledged is there after the restart.
@Suite(.serialized) struct KillTests {
    @Test(.timeLimit(.minutes(3))) func keepsEverythingThatWasAcknowledged() async throws {
        let directory = try TemporaryDirectory("kill")
        let rules = """
            mappingRules:
              - name: everything, highest per second
                filter: "__name__:kill_test"
                aggregations: [Max]
                storagePolicies: [{resolution: 1s, retention: 48h}]
            """
        let fast = ["--lateness", "1s", "--forwarding-delay", "5s"]
        var acknowledged: [LabelSet: [Point]] = [:]
        var aggregated: [LabelSet: [Point]] = [:]
        for round in 0..<3 {
            let server = try await StandaloneServer.start(in: directory, rules: rules, arguments: fast)
            let killer = Task {
                _ = try await poll("aggregated windows in storage", deadline: .seconds(40)) {
                    try await ScrapedMetrics.scrape(server).total("m3agg_ingest_stored_total") > 200 ? true : nil
                }
                let seen = try await PrometheusAnswers.query(
                    server.url(""), "kill_test[5m]", headers: ["M3-Storage-Policy": "1s:48h"])
                kill(server.process.processIdentifier, SIGKILL)
                return seen
            }
            var number = 0
            while server.process.isRunning {
                number += 1
                let nowMs = Int64(Date().timeIntervalSince1970 * 1000)
                let series = (0..<50).map { index in
                    RemoteWriteBody.Series(
                        labels: ["__name__": "kill_test", "round": "\(round)", "series": "\(index)"],
                        points: [Point(timeMs: nowMs, value: Double(number * 1000 + index))])
                }
                let answer = try? await HTTP.send(
                    "POST", server.url("/api/v1/prom/remote/write"), body: RemoteWriteBody.make(series), timeout: 5)
                guard answer?.status == 200 || answer?.status == 204 else { continue }
                for one in series { acknowledged[one.labels, default: []] += one.points }
            }
            for (labels, points) in try await killer.value { aggregated[labels, default: []] += points }
        }
        let server = try await StandaloneServer.start(in: directory, rules: rules, arguments: fast)
        let stored = try await PrometheusAnswers.query(
            server.url(""), "kill_test[10m]", headers: ["M3-Metrics-Type": "unaggregated"])
        #expect(acknowledged.count == 150)
        var missing = 0
        for (labels, points) in acknowledged {
            let found = Dictionary((stored[labels] ?? []).map { ($0.timeMs, $0.value) }) { $1 }
            missing += points.filter { found[$0.timeMs] != $0.value }.count
        }
        #expect(missing == 0)
        let windows = try await PrometheusAnswers.query(
            server.url(""), "kill_test[10m]", headers: ["M3-Storage-Policy": "1s:48h"])
        #expect(!aggregated.isEmpty)
        for (labels, points) in aggregated {
            for point in points { #expect(windows[labels]?.contains(point) == true) }
        }
        await server.process.stop()
    }
}
