import ArgumentParser
import Foundation
import Logging
import MessageQueue
import NIOCore
import NIOPosix

/// Holds an aggregator to a steady rate for long: memory must stay where it is, and totals out must be totals in.
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Run an aggregator at a fixed rate for long: is its memory flat, do its totals hold?",
        discussion: """
            Untimed counters and batches of timers are sent to an aggregator in a process of its own; every minute some
            series give way to new ones. Its memory is read every ten seconds. Exit code 1 tells that memory grew or that
            a value was lost or counted twice.
              swift run -c release m3agg-bench soak --minutes 30
            """)

    @Option(help: "Minutes of load; the first fifth, at most ten minutes, is the warm-up.")
    var minutes = 30

    @Option(help: "m3msg messages per second.")
    var rate = 40_000

    @Option(help: "Live series: nine tenths counters, one tenth timers.")
    var series = 100_000

    @Option(help: "Series per thousand that give way to new ones each minute.")
    var churn = 10

    @Option(help: "Event loops of the aggregator.")
    var loops = 2

    @Flag(help: "Print the figures as JSON.")
    var json = false

    func validate() throws {
        for (name, value) in [("--minutes", minutes), ("--rate", rate), ("--loops", loops)] where value < 1 {
            throw ValidationError("\(name) is \(value); it must be at least 1")
        }
        guard series >= 1_000 else { throw ValidationError("--series is \(series); it must be at least 1000") }
        guard (0...1_000).contains(churn) else {
            throw ValidationError("--churn is \(churn); it must be from 0 to 1000")
        }
    }

    func run() async throws {
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .error
            return handler
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let sink = SumSink()
        let (server, endpoint) = try await sink.listen(group)
        // Series that went are forgotten while the run lasts.
        let role = try RoleProcess(
            "aggregator", ["--sink", endpoint, "--event-loops", "\(loops)", "--entry-ttl", "120"])
        defer { role.stop() }
        let address = "127.0.0.1:\(role.ports[0])"
        let counters = try MessageLoad(.untimedCounter, series: series * 9 / 10, to: address, group: group)
        let timers = try MessageLoad(.batchTimer, series: series / 10, to: address, group: group)

        var memory: [(seconds: Double, bytes: Double)] = []
        let clock = ContinuousClock()
        let start = clock.now
        let cpuBefore = try role.cpuSeconds()
        for step in 0..<minutes * 6 {
            // In turns, so that either sends a tenth of a second to nine tenths of one.
            for _ in 0..<10 {
                try await counters.send(rate * 9 / 10, rate: rate)
                try await timers.send(rate / 10, rate: rate)
            }
            memory.append(((clock.now - start) / .seconds(1), try role.residentBytes()))
            if step % 6 == 5 {
                counters.churn(perThousand: churn)
                timers.churn(perThousand: churn)
                if !json { progress(step / 6 + 1, memory, sent: counters.sent + timers.sent) }
            }
        }
        let cpu = try role.cpuSeconds() - cpuBefore
        let isWhole = await settle(sink, counters, timers)
        let figures = figures(
            memory, sink, counters, timers, cpu: cpu, elapsed: memory.last.map(\.seconds) ?? 1)
        await counters.close()
        await timers.close()
        await server.stop()
        try await group.shutdownGracefully()
        if json { print(try Figure.json(figures)) } else { for figure in figures { print(figure.line) } }
        if !isWhole || figures.contains(where: { $0.isWithinCeiling == false }) { throw ExitCode(1) }
    }

    /// Waits until the last windows have been published.
    private func settle(_ sink: SumSink, _ counters: MessageLoad, _ timers: MessageLoad) async -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if sink.sums == SumSink.Sums(counters: counters.sentTotal, timerValues: timers.sentTotal) { return true }
            try? await Task.sleep(for: .milliseconds(200))
        }
        return false
    }

    private func progress(_ minute: Int, _ memory: [(seconds: Double, bytes: Double)], sent: Int) {
        let megabytes = (memory.last?.bytes ?? 0) / 1e6
        print("minute \(minute) of \(minutes): \(sent) messages, \(String(format: "%.1f", megabytes)) MB resident")
    }

    private func figures(
        _ memory: [(seconds: Double, bytes: Double)], _ sink: SumSink, _ counters: MessageLoad, _ timers: MessageLoad,
        cpu: Double, elapsed: Double
    ) -> [Figure] {
        let warmUp = min(elapsed / 5, 600)
        let steady = memory.filter { $0.seconds > warmUp }
        let first = steady.first?.bytes ?? 1
        let slope = Self.slope(steady) * 3_600
        let sums = sink.sums
        return [
            Figure("messages sent", Double(counters.sent + timers.sent), ""),
            Figure("  CPU per message", cpu / Double(counters.sent + timers.sent) * 1e6, "µs"),
            Figure("resident after the warm-up of \(Int(warmUp)) s", first / 1e6, "MB"),
            Figure("  at the end", (memory.last?.bytes ?? 0) / 1e6, "MB"),
            Figure("  growth by the least-squares line, per hour", slope / first * 100, "%", ceiling: 5),
            Figure("sum of counters sent", Double(counters.sentTotal), ""),
            Figure("  of them missing or too many", abs(Double(counters.sentTotal - sums.counters)), "", ceiling: 0),
            Figure("timer values sent", Double(timers.sentTotal), ""),
            Figure("  of them missing or too many", abs(Double(timers.sentTotal - sums.timerValues)), "", ceiling: 0),
        ]
    }

    /// The slope of the least-squares line, in bytes per second.
    static func slope(_ points: [(seconds: Double, bytes: Double)]) -> Double {
        let count = Double(points.count)
        guard count > 1 else { return 0 }
        let meanX = points.reduce(0) { $0 + $1.seconds } / count
        let meanY = points.reduce(0) { $0 + $1.bytes } / count
        let numerator = points.reduce(0) { $0 + ($1.seconds - meanX) * ($1.bytes - meanY) }
        let denominator = points.reduce(0) { $0 + ($1.seconds - meanX) * ($1.seconds - meanX) }
        return denominator > 0 ? numerator / denominator : 0
    }
}
