import ArgumentParser
import Glibc
import Logging
import NIOCore
import NIOPosix
import NodeConfiguration
import Services
import Transport

/// `m3agg aggregator`: an aggregator node with M3's configuration.
struct AggregatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "aggregator",
        abstract: "Run an aggregator node with the configuration of an m3aggregator.",
        discussion: """
            Takes metrics over m3msg and raw TCP, publishes aggregated metrics to a topic, and finds shards and topics in
            the key-value store that the configuration names. -f may be repeated: later files go before earlier ones.
              m3agg aggregator -f m3aggregator.yml
              m3agg aggregator -f base.yml -f host.yml
            Exit codes: 0 after Ctrl-C or SIGTERM, 1 when it could not start or the configuration is wrong, 64 for wrong
            usage.
            """)

    @Option(name: [.customShort("f"), .customLong("file")], help: "Configuration file; repeat to merge several.")
    var files: [String] = []

    @Option(help: "Write the addresses of the servers to this file as JSON, for ports that are chosen freely.")
    var addresses: String?

    @Flag(help: "Log as JSON instead of key=value lines.")
    var logJson = false

    func validate() throws {
        if files.isEmpty {
            throw ValidationError("-f is missing; name a configuration file, such as -f m3aggregator.yml")
        }
    }

    func run() async throws {
        let environment = ConfigFiles.environment()
        let loaded: LoadedAggregatorConfiguration
        do {
            loaded = try AggregatorConfiguration.load(files: files, environment: environment)
        } catch {
            Terminal.note("m3agg aggregator: \(error)")
            throw ExitCode(1)
        }
        for diagnostic in loaded.diagnostics { Terminal.note("\(diagnostic)") }
        let configuration = loaded.configuration
        let logger = try startLogging(configuration.logging)
        let role: AggregatorRole
        do {
            role = try await AggregatorRole.start(
                configuration: configuration, environment: environment, group: MultiThreadedEventLoopGroup.singleton,
                logger: logger)
            if let addresses { try role.addresses.write(to: addresses) }
        } catch {
            Terminal.note("m3agg aggregator: \(error)")
            throw ExitCode(1)
        }
        let places = role.addresses
        Terminal.line(
            "m3agg aggregator \(role.instanceID): \(places.m3msg ?? "none") (m3msg), \(places.rawtcp ?? "none") (raw TCP), "
                + "http://\(places.http) (HTTP)" + (places.metrics.map { ", http://\($0) (metrics)" } ?? ""))
        await Interrupts.wait()
        Interrupts.allowForcedExit()
        Terminal.note("stopping: publishing windows that are over")
        Terminal.line("stopped: \(await role.stop())")
    }

    /// Lines of the log go to standard error, or are appended to the configured file.
    private func startLogging(_ settings: AggregatorConfiguration.Logging) throws -> Logger {
        if let file = settings.file {
            let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND, 0o644)
            guard descriptor >= 0, dup2(descriptor, STDERR_FILENO) >= 0 else {
                Terminal.note("m3agg aggregator: logging.file '\(file)' can't be written; choose another one")
                throw ExitCode(1)
            }
            close(descriptor)
        }
        let level = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        StructuredLogHandler.bootstrap(level: level, format: logJson ? .json : .logfmt)
        var logger = Logger(label: "m3agg")
        for (name, value) in settings.fields { logger[metadataKey: name] = "\(value)" }
        return logger
    }
}
