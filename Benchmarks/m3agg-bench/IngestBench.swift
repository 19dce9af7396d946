import Foundation
import MessageQueue
import NIOCore
import NIOPosix

/// CPU and memory of an aggregator that takes messages of known series and publishes their windows.
struct IngestBench {
    var rate: Int
    var windows: Int
    var loops: Int

    private static let resolutionSeconds = 10

    func run(series: Int, kind: MessageLoad.Kind) async throws -> [Figure] {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let sink = Sink()
        let (server, endpoint) = try await sink.listen(group)
        let role = try RoleProcess("aggregator", ["--sink", endpoint, "--event-loops", "\(loops)"])
        defer { role.stop() }
        let load = try MessageLoad(kind, series: series, to: "127.0.0.1:\(role.ports[0])", group: group)
        let residentBefore = try role.residentBytes()

        // Every series once, then a window, so that ids are known and all memory that a flush takes is there.
        try await load.send(series, rate: 10 * rate)
        // Timed windows are published B + r after their end, so that more of them are open.
        let warmUp = (kind == .timedGauge ? 4 : 1) * Self.resolutionSeconds
        try await load.send(rate * warmUp, rate: rate)

        let published = sink.received
        let ackedBefore = load.acked
        let cpuBefore = try role.cpuSeconds()
        try await load.send(rate * windows * Self.resolutionSeconds, rate: rate)
        let cpu = try role.cpuSeconds() - cpuBefore
        let messages = Double(load.acked - ackedBefore)
        let emitted = Double(sink.received - published)
        let bytes = (try role.residentBytes() - residentBefore) / Double(series)
        await load.close()
        await server.stop()
        try await group.shutdownGracefully()

        let name = "\(series) series"
        let perMessage = cpu / messages * 1e6
        switch kind {
        case .untimedCounter:
            var figures = [
                Figure("CPU per counter message, \(name)", perMessage, "µs", ceiling: series > 10_000 ? 1.0 : 0.6),
                Figure("  aggregated values published per message", emitted / messages, ""),
            ]
            if series > 10_000 {
                figures.append(Figure("memory per series, untimed counter, \(name)", bytes, "bytes", ceiling: 600))
            }
            return figures
        case .timedGauge, .batchTimer:
            return [
                Figure("memory per series, timed gauge, 15 s of lateness, \(name)", bytes, "bytes"),
                Figure("  CPU per timed gauge message, \(name)", perMessage, "µs"),
            ]
        }
    }
}
