import ArgumentParser
import Logging
import MessageQueue
import NIOCore
import NIOPosix
import Services

/// `m3agg tap`: an m3msg consumer that prints what it gets.
struct TapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap",
        abstract: "Listen as an m3msg consumer and print every message.",
        discussion: """
            Understands both topics: metrics for an aggregator and aggregated metrics for a coordinator. Everything is
            acknowledged. Example, with a second consumer of the aggregated metrics beside the coordinator:
              m3agg tap --listen 127.0.0.1:7508 --json
              m3agg standalone --demo --tap 127.0.0.1:7508
            Metrics on their way to an aggregator are seen by standing in its place:
              m3agg loadgen --ingest 127.0.0.1:7508 --rate 10 --duration 3s
            Exit codes: 0 after --limit messages, Ctrl-C or SIGTERM; 1 when it cannot listen; 64 for wrong usage.
            """)

    @Option(help: ArgumentHelp("Where producers connect.", valueName: "host:port"))
    var listen = HostPort("127.0.0.1", 7508)

    @Flag(help: "Print one JSON object per message.")
    var json = false

    @Option(help: "End after so many messages; without it Ctrl-C ends it.")
    var limit: Int?

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit); it must be at least 1") }
    }

    func run() async throws {
        var logger = Logger(label: "m3agg.tap")
        logger.logLevel = .warning
        let group = MultiThreadedEventLoopGroup.singleton
        let printer = TapPrinter(json: json, limit: limit)
        let server: ConsumerServer
        let address: SocketAddress
        do {
            (server, address) = try await MessageTap.start(
                host: listen.host, port: listen.port, group: group, logger: logger
            ) { printer.show($0) }
        } catch {
            Terminal.note(
                "m3agg tap: --listen \(listen) cannot be listened on: \(error); choose another address, or port 0")
            throw ExitCode(1)
        }
        Terminal.note("listening on \(address.ipAddress ?? listen.host):\(address.port ?? listen.port)")
        await Interrupts.wait { printer.isDone }
        await server.stop()
        Terminal.note("\(printer.shown) messages")
    }
}
