import ArgumentParser
import FoundationEssentials
import Logging
import Metrics
import NIOCore
import NIOPosix
import Services

/// `m3agg loadgen`: messages with known totals, and the proof that they arrived.
struct LoadgenCommand: AsyncParsableCommand {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case counter, gauge, timer

        var metricType: MetricType {
            switch self {
            case .counter: .counter
            case .gauge: .gauge
            case .timer: .timer
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "loadgen",
        abstract: "Send metrics with known totals over m3msg.",
        discussion: """
            Sends timed metrics that carry their own aggregation (Sum) and policy. With --verify it then reads every
            series back from the coordinator and compares to the last unit.
              m3agg loadgen --series 1000 --rate 20000 --duration 30s --verify
            Exit codes: 0 when everything was acknowledged and, with --verify, found; 1 when it was not; 2 when the
            totals could not be read back; 64 for wrong usage.
            """)

    @Option(help: ArgumentHelp("The aggregator's m3msg server.", valueName: "host:port"))
    var ingest = HostPort("127.0.0.1", 6000)

    @Option(help: ArgumentHelp("The coordinator's HTTP API, for --verify.", valueName: "host:port"))
    var http = HostPort("127.0.0.1", 7201)

    @Option(help: "counter, gauge or timer.")
    var type = Kind.counter

    @Option(help: "Distinct series.")
    var series = 1000

    @Option(help: "Messages per second.")
    var rate = 10_000

    @Option(help: "How long to send, such as 30s.")
    var duration = DurationText(seconds: 30)

    @Option(help: "Storage policy of the metrics.")
    var policy = "10s:48h"

    @Option(help: "Shards of the topic aggregator_ingest.")
    var shards: UInt32 = 64

    @Flag(help: "Read the totals back and compare.")
    var verify = false

    @Option(help: "How long --verify waits for the last window.")
    var verifyTimeout = DurationText(seconds: 120)

    @Flag(help: "Print the report as JSON.")
    var json = false

    func validate() throws {
        guard (1...10_000_000).contains(series) else {
            throw ValidationError("--series is \(series); it must be 1 to 10000000")
        }
        guard (1...100_000_000).contains(rate) else {
            throw ValidationError("--rate is \(rate); it must be 1 to 100000000 messages per second")
        }
        guard duration.nanos > 0 else { throw ValidationError("--duration must be longer than 0") }
        guard (1...65_536).contains(shards) else { throw ValidationError("--shards must be 1 to 65536") }
        guard let policy = try? StoragePolicy(parsing: policy), policy.resolutionNanos > 0 else {
            throw ValidationError("--policy is '\(policy)'; write RESOLUTION:RETENTION, such as 10s:48h")
        }
    }

    func run() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        var logger = Logger(label: "m3agg.loadgen")
        logger.logLevel = .warning
        let options = LoadOptions(
            ingest: ingest.description, metricType: type.metricType, series: series, rate: rate,
            durationNanos: duration.nanos, storagePolicy: try StoragePolicy(parsing: policy), numShards: shards,
            run: String(UInt32.random(in: .min ... .max), radix: 36))
        var progress = ProgressLine()
        let result = try await LoadGenerator(options: options, group: group, logger: logger).run { sent, total in
            progress.show("sent \(sent) of \(total) messages")
        }
        progress.end()
        var report = LoadgenReport(options: options, result: result)
        if verify {
            Terminal.note("sent \(result.messages) messages, \(result.acked) acknowledged; waiting for the last window")
            let verifier = LoadVerifier(options: options, http: http.description, group: group)
            do {
                report.add(
                    try await verifier.verify(result, deadline: verifyTimeout.duration) { report in
                        progress.show("stored \(report.stored) of \(report.sent)")
                    })
            } catch {
                progress.end()
                Terminal.note("m3agg loadgen: the totals cannot be read back: \(error); --http names the coordinator")
                throw ExitCode(2)
            }
            progress.end()
        }
        Terminal.line(try json ? report.json() : report.text())
        if !report.isGood { throw ExitCode(1) }
    }
}

/// What a run sent and what was found of it.
struct LoadgenReport: Encodable {
    var run: String
    var series: Int
    var messages: UInt64
    var acked: UInt64
    var retried: UInt64
    var windows: Int?
    var sent: Double
    var stored: Double?
    var missingSeries: Int?
    var wrongSeries: Int?

    init(options: LoadOptions, result: LoadGenerator.Result) {
        run = options.run
        series = options.series
        messages = result.messages
        acked = result.acked
        retried = result.retried
        sent = result.sums.reduce(0.0) { $0 + Double($1) }
    }

    mutating func add(_ report: LoadVerifier.Report) {
        windows = report.windows
        stored = report.stored
        missingSeries = report.missingSeries
        wrongSeries = report.wrongSeries
    }

    /// Whether everything was acknowledged and, if it was verified, stored.
    var isGood: Bool {
        acked == messages && (stored ?? sent) == sent && (missingSeries ?? 0) == 0 && (wrongSeries ?? 0) == 0
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    func text() -> String {
        var lines = ["run \(run): \(messages) messages of \(series) series sent, \(acked) acknowledged, total \(sent)"]
        if let stored, let windows, let missingSeries, let wrongSeries {
            lines.append("stored in \(windows) windows: total \(stored)")
            lines.append(
                isGood
                    ? "verified: totals out equal totals in, for every series"
                    : "NOT equal: \(missingSeries) series missing, \(wrongSeries) series with another total")
        }
        return lines.joined(separator: "\n")
    }
}
