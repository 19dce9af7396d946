import Foundation
import TestKit
import Testing

/// What a newcomer sees: the demo shows aggregated series soon, and ends cleanly.
@Suite(.serialized) struct DemoEndToEndTests {
    @Test(.timeLimit(.minutes(2))) func showsRatesAndQuantilesAndStopsOnInterrupt() async throws {
        let directory = try TemporaryDirectory("demo")
        let demo = try ServerProcess(
            name: "demo", executable: StandaloneServer.binary,
            arguments: [
                "standalone", "--demo", "--data-dir", directory.path("data"), "--http", "127.0.0.1:0", "--ingest",
                "127.0.0.1:0", "--aggregated", "127.0.0.1:0",
            ], directory: directory.url)
        let wanted = ["demo_requests", "demo_inflight", "latency", "service=\"checkout\""]
        _ = try await poll("rates and quantiles in the output", deadline: .seconds(60)) {
            try demo.checkRunning()
            return wanted.allSatisfy { demo.log.contains($0) } ? true : nil
        }
        #expect(demo.log.contains("/api/v1/query"))
        let status = await demo.stop(signal: SIGINT, deadline: .seconds(20))
        #expect(status == 0, "\(demo.log.suffix(2000))")
        #expect(demo.log.contains("stopped"))
    }
}
