import Foundation
import TestKit
import Testing

/// Millions of messages over m3msg: totals out equal totals in.
@Suite(.serialized) struct LoadgenEndToEndTests {
    private struct Report: Decodable {
        var messages: UInt64
        var acked: UInt64
        var series: Int
        var windows: Int
        var sent: Double
        var stored: Double
        var missingSeries: Int
        var wrongSeries: Int
    }

    @Test(.timeLimit(.minutes(5))) func countsEveryMessageToTheUnit() async throws {
        let directory = try TemporaryDirectory("loadgen")
        let server = try await StandaloneServer.start(
            in: directory, rules: "mappingRules: []", arguments: ["--lateness", "8s", "--forwarding-delay", "12s"])
        let loadgen = try ServerProcess(
            name: "loadgen", executable: StandaloneServer.binary,
            arguments: [
                "loadgen", "--ingest", server.addresses.ingest, "--http", server.addresses.http, "--type", "counter",
                "--series", "100000", "--rate", "100000", "--duration", "30s", "--policy", "5s:48h", "--verify",
                "--json",
            ], directory: directory.url)
        let status = try await poll("loadgen to end", deadline: .seconds(240)) {
            loadgen.isRunning ? nil : await loadgen.stop()
        }
        #expect(status == 0, "\(loadgen.log.suffix(2000))\n\(server.process.log.suffix(2000))")
        let line = loadgen.log.split(separator: "\n").last { $0.hasPrefix("{") }
        let report = try JSONDecoder().decode(Report.self, from: Data((line ?? "").utf8))
        #expect(report.series == 100_000)
        #expect(report.messages >= 2_500_000)
        #expect(report.acked == report.messages)
        #expect(report.windows >= 5)
        #expect(report.stored == report.sent)
        #expect(report.missingSeries == 0)
        #expect(report.wrongSeries == 0)
        try await Conservation.check(server)
        let metrics = try await ScrapedMetrics.scrape(server)
        #expect(metrics.total("m3agg_aggregator_received_values_total") == Double(report.messages))
        #expect(metrics.nonZero("m3agg_aggregator_rejected_total") == [])
        await server.process.stop()
    }
}
