import Foundation
import MessageQueue
import NIOCore
import NIOPosix

/// CPU of a coordinator that takes remote writes whose series a rollup rule matches, with and without storing them.
struct RemoteWriteBench {
    var rate: Int
    var seconds: Int
    var loops: Int

    private static let rules = """
        rollupRules:
          - name: requests by service
            filter: "__name__:http_requests_total service:*"
            transforms:
              - transform:
                  type: Increase
              - rollup:
                  metricName: http_requests_by_service
                  groupBy: [service, code]
                  aggregations: [Sum]
            storagePolicies:
              - resolution: 10s
                retention: 48h
        """

    func run(series: Int) async throws -> [Figure] {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let sink = Sink()
        let (server, endpoint) = try await sink.listen(group)
        let folder = try TemporaryFolder()
        try folder.write(Self.rules, to: "rules/bench.yaml")
        let role = try RoleProcess(
            "coordinator", ["--sink", endpoint, "--event-loops", "\(loops)", "--directory", folder.path])
        defer { role.stop() }
        let requests = RemoteWriteLoad(series: series)
        let port = role.ports[0]

        /// CPU and messages per sample, and the rate that was reached.
        func measure(
            _ headers: [String], rate: Int
        ) async throws -> (cpu: Double, messages: Double, reached: Double) {
            let seconds = seconds
            // Every series once: labels are known and rules are matched.
            _ = try await Self.blocking { try requests.send(samples: series, rate: rate, port: port, headers: headers) }
            let cpuBefore = try role.cpuSeconds()
            let messagesBefore = sink.received
            let start = ContinuousClock.now
            let sent = try await Self.blocking {
                try requests.send(samples: rate * seconds, rate: rate, port: port, headers: headers)
            }
            let elapsed = (ContinuousClock.now - start) / .seconds(1)
            try await Task.sleep(for: .milliseconds(300))
            let cpu = try role.cpuSeconds() - cpuBefore
            return (
                cpu / Double(sent) * 1e6, Double(sink.received - messagesBefore) / Double(sent), Double(sent) / elapsed
            )
        }
        let whole = try await measure([], rate: rate)
        let rulesOnly = try await measure(["M3-Write-Type: aggregate"], rate: rate)
        let slow = try await measure([], rate: max(1, rate / 4))
        await server.stop()
        try await group.shutdownGracefully()
        return [
            Figure(
                "CPU per remote-write sample, \(series) series, stored and to the aggregator", whole.cpu, "µs",
                ceiling: 2.5),
            Figure("  of which without the unaggregated namespace", rulesOnly.cpu, "µs"),
            Figure("  of which storage", whole.cpu - rulesOnly.cpu, "µs"),
            Figure("  the same at a quarter of the rate", slow.cpu, "µs"),
            Figure("  samples per second that were reached", whole.reached, ""),
            Figure("  messages to the aggregator per sample", whole.messages, ""),
        ]
    }

    private static func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }
}
