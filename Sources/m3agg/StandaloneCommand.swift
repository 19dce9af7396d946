import ArgumentParser
import Logging
import NIOCore
import NIOPosix
import Services
import Synchronization
import Transport

/// `m3agg standalone`: all roles in one process.
struct StandaloneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "standalone",
        abstract: "Run coordinator, aggregator and storage in one process.",
        discussion: """
            Takes Prometheus remote write, aggregates by the rules of a folder, stores everything under --data-dir and
            answers queries. Port 0 picks a free port; the chosen addresses are printed and written to
            DATA_DIR/addresses.json. Rules are read again within a second of a change.
              m3agg standalone --demo
              m3agg standalone --data-dir data --rules rules/ --http 0.0.0.0:7201
            Exit codes: 0 after Ctrl-C or SIGTERM, 1 when it could not start, 64 for wrong usage.
            """)

    @Option(help: "Folder of the stored data; made when it is missing. With --demo a temporary one by default.")
    var dataDir: String?

    @Option(help: "Folder of rule files (YAML). Without it nothing is aggregated, unless --demo.")
    var rules: String?

    @Option(help: ArgumentHelp("HTTP API: remote write and read, queries, metrics.", valueName: "host:port"))
    var http = HostPort("127.0.0.1", 7201)

    @Option(help: ArgumentHelp("m3msg server of the aggregator.", valueName: "host:port"))
    var ingest = HostPort("127.0.0.1", 6000)

    @Option(help: ArgumentHelp("m3msg server of the coordinator.", valueName: "host:port"))
    var aggregated = HostPort("127.0.0.1", 7507)

    @Option(help: "How late a sample may be after the end of its window. Default 15s, with --demo 1s.")
    var lateness: DurationText?

    @Option(help: "How long rollups wait for their parts; at least lateness plus 3s. Default 20s, with --demo 4s.")
    var forwardingDelay: DurationText?

    @Option(help: ArgumentHelp("Also send aggregated metrics to this m3msg consumer.", valueName: "host:port"))
    var tap: HostPort?

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    @Flag(help: "Log as JSON instead of key=value lines.")
    var logJson = false

    @Flag(help: "Send made-up traffic to itself and show what becomes of it.")
    var demo = false

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError(
                "--log-level is '\(logLevel)'; one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if dataDir == nil && !demo {
            throw ValidationError("--data-dir is missing; name a folder for the data, such as --data-dir data")
        }
        if tap?.port == 0 { throw ValidationError("--tap needs the port of a running consumer") }
    }

    func run() async throws {
        let level = demo && logLevel == "info" ? .warning : Logger.Level(rawValue: logLevel) ?? .info
        StructuredLogHandler.bootstrap(level: level, format: logJson ? .json : .logfmt)
        let logger = Logger(label: "m3agg")
        let temporary = dataDir == nil ? try DemoFolder() : nil
        defer { temporary?.remove() }
        var options = StandaloneOptions(dataDirectory: dataDir ?? temporary?.path ?? "data")
        options.http = .init(host: http.host, port: http.port)
        options.ingest = .init(host: ingest.host, port: ingest.port)
        options.aggregated = .init(host: aggregated.host, port: aggregated.port)
        options.tap = tap?.description
        if demo { options.useShortDelays() }
        if let lateness { options.latenessNanos = lateness.nanos }
        if let forwardingDelay { options.forwardingDelayNanos = forwardingDelay.nanos }
        options.rulesDirectory = try rules ?? (demo ? DemoFolder.findRules() : nil)
        let screenSlot = Mutex<DemoScreen?>(nil)
        if demo { options.onStored = { value in screenSlot.withLock { $0 }?.record(value) } }
        let service: StandaloneService
        do {
            service = try await StandaloneService.start(
                options: options, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
        } catch {
            Terminal.note("m3agg standalone: \(error)")
            throw ExitCode(1)
        }
        let addresses = service.addresses
        let head = [
            "m3agg standalone: http://\(addresses.http) (HTTP), \(addresses.ingest) (m3msg ingest), "
                + "\(addresses.aggregated) (m3msg aggregated)"
        ]
        if demo {
            let screen = DemoScreen(head: head + Self.hints(addresses), isTerminal: Terminal.outputIsTerminal)
            screenSlot.withLock { $0 = screen }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await screen.run() }
                group.addTask {
                    var sender = DemoSender(
                        http: addresses.http, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
                    await sender.run()
                }
                await Interrupts.wait()
                group.cancelAll()
            }
        } else {
            for line in head { Terminal.line(line) }
            await Interrupts.wait()
        }
        Interrupts.allowForcedExit()
        Terminal.note("stopping: publishing windows that are over")
        let summary = await service.stop()
        Terminal.line("stopped: \(summary)")
    }

    private static func hints(_ addresses: AddressFile) -> [String] {
        let base = "http://\(addresses.http)"
        return [
            "  curl '\(base)/api/v1/query?query=demo_requests_by_service'",
            "  m3agg query '{__name__=~\"demo_.*\"}' --policy 10s:48h --http \(addresses.http)",
            "  \(base)/metrics   \(base)/api/v1/labels",
        ]
    }
}
