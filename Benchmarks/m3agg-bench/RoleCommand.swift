import Aggregator
import ArgumentParser
import Foundation
import KeyValue
import Logging
import MessageQueue
import NIOCore
import NIOPosix
import Services
import Storage
import Telemetry
import Transport

/// The role that a child process plays: prints its ports and runs until its standard input ends.
struct RoleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "role", shouldDisplay: false)

    enum Role: String, ExpressibleByArgument, CaseIterable { case aggregator, coordinator }

    @Argument var role: Role
    /// Where what the role produces goes.
    @Option var sink: String
    @Option var eventLoops: Int
    @Option var directory: String?
    /// Seconds without a sample after which a series is forgotten.
    @Option var entryTTL: Int64?

    private static let numShards: UInt32 = 64

    func run() async throws {
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .error
            return handler
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: eventLoops)
        switch role {
        case .aggregator: try await aggregator(group)
        case .coordinator: try await coordinator(group)
        }
    }

    private func aggregator(_ group: MultiThreadedEventLoopGroup) async throws {
        let registry = Registry()
        let logger = Logger(label: "aggregator")
        var aggregator = AggregatorOptions()
        if let entryTTL { aggregator.entryTTLNanos = entryTTL * 1_000_000_000 }
        let service = AggregatorService(
            options: AggregatorService.Options(
                host: "127.0.0.1", port: 0, aggregator: aggregator,
                ownedShards: Array(0..<Self.numShards)), group: group, registry: registry, logger: logger)
        let port = try await service.listen().port ?? 0
        let aggregated = try producer("aggregated_metrics", to: sink, group, registry, logger)
        let forwarded = try producer("aggregator_ingest", to: "127.0.0.1:\(port)", group, registry, logger)
        service.run(aggregated: aggregated, forwarded: forwarded)
        await waitForEnd(saying: "\(port)")
    }

    private func coordinator(_ group: MultiThreadedEventLoopGroup) async throws {
        guard let directory else { throw ValidationError("the coordinator needs --directory") }
        let registry = Registry()
        let logger = Logger(label: "coordinator")
        let store = try TimeSeriesStore(directory: directory + "/storage", registry: registry)
        let service = try CoordinatorService(
            options: CoordinatorService.Options(
                http: .init(host: "127.0.0.1", port: 0), aggregated: .init(host: "127.0.0.1", port: 0),
                rulesDirectory: directory + "/rules", numShards: Self.numShards, aggregator: AggregatorOptions(),
                ackFlushNanos: 200_000_000), store: store, group: group, registry: registry, logger: logger)
        let ingest = try producer("aggregator_ingest", to: sink, group, registry, logger)
        let http = try await service.serve(
            producer: ingest, control: try EmbeddedStore(directory: directory + "/control"))
        await waitForEnd(saying: "\(http.port)")
        store.close()
    }

    private func producer(
        _ topic: String, to endpoint: String, _ group: MultiThreadedEventLoopGroup, _ registry: Registry,
        _ logger: Logger
    ) throws -> Producer {
        var options = ProducerOptions()
        // As standalone has it: a flush makes all values of a window at once.
        options.maxBufferBytes = 512 << 20
        return try Producer.start(
            route: ProducerRoute(
                topic: topic, numberOfShards: Int(Self.numShards),
                services: [
                    .init(
                        name: "bench", consumption: .shared, numberOfShards: Int(Self.numShards),
                        endpoints: [endpoint])
                ]), options: options, group: group, registry: registry, logger: logger)
    }

    private func waitForEnd(saying ports: String) async {
        FileHandle.standardOutput.write(Data((ports + "\n").utf8))
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                while readLine() != nil {}
                continuation.resume()
            }
        }
    }
}
