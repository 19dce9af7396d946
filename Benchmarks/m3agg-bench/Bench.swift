import ArgumentParser
import Foundation
import Logging

/// `m3agg-bench`: the figures of the product, as CPU seconds and bytes of a process that plays one role.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "m3agg-bench",
        abstract: "Measure what aggregation, remote write and storage cost.",
        discussion: """
            Each role runs in a process of its own, whose CPU time and memory are read from /proc; what makes the load
            and takes the results is this process and not counted. Build with optimisation:
              swift run -c release m3agg-bench
              swift run -c release m3agg-bench --only ingest --rate 200000 --json
            Exit code 1 tells that a figure exceeds its ceiling. How to read the figures: Benchmarks/README.md.
            """,
        subcommands: [SoakCommand.self, RoleCommand.self])

    enum Part: String, ExpressibleByArgument, CaseIterable {
        case ingest, memory
        case remoteWrite = "remote-write"
        case storage
    }

    @Option(help: "Measure one part only: ingest, memory, remote-write or storage. May be repeated.")
    var only: [Part] = []

    @Flag(help: "Print the figures as JSON.")
    var json = false

    @Option(help: "m3msg messages per second.")
    var rate = 300_000

    @Option(help: "Remote-write samples per second.")
    var sampleRate = 200_000

    @Option(help: "Series of the larger runs.")
    var series = 1_000_000

    @Option(help: "Windows of 10 s that are measured after the warm-up.")
    var windows = 2

    @Option(help: "Event loops of the role that is measured.")
    var loops = 2

    func validate() throws {
        let positive = [
            ("--rate", rate), ("--sample-rate", sampleRate), ("--series", series), ("--windows", windows),
            ("--loops", loops),
        ]
        for (name, value) in positive where value < 1 {
            throw ValidationError("\(name) is \(value); it must be at least 1")
        }
    }

    func run() async throws {
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .error
            return handler
        }
        let parts = only.isEmpty ? Part.allCases : only
        var figures: [Figure] = []
        func add(_ new: [Figure]) {
            figures += new
            if !json { for figure in new { print(figure.line) } }
        }
        let ingest = IngestBench(rate: rate, windows: windows, loops: loops)
        if parts.contains(.ingest) { add(try await ingest.run(series: 10_000, kind: .untimedCounter)) }
        if parts.contains(.ingest) || parts.contains(.memory) {
            add(try await ingest.run(series: series, kind: .untimedCounter))
        }
        if parts.contains(.memory) { add(try await ingest.run(series: series, kind: .timedGauge)) }
        if parts.contains(.remoteWrite) {
            let bench = RemoteWriteBench(rate: sampleRate, seconds: windows * 10, loops: loops)
            add(try await bench.run(series: 100_000))
        }
        if parts.contains(.storage) { add(try await StorageBench().run()) }
        if json { print(try Figure.json(figures)) }
        if figures.contains(where: { $0.isWithinCeiling == false }) { throw ExitCode(1) }
    }
}
