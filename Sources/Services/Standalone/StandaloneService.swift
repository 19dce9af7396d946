import Aggregator
import Cluster
import Coordinator
import KeyValue
import Logging
import MessageQueue
import Metrics
import NIOCore
import Rules
import Storage
import Telemetry
import Transport

/// Coordinator, aggregator, storage and control plane in one process, which talk m3msg over TCP as they would between
/// machines. Source: `docs/architecture.md`, standalone.
public final class StandaloneService: Sendable {
    private let folder: DataFolder
    private let control: EmbeddedStore
    private let store: TimeSeriesStore
    private let aggregator: AggregatorService
    private let coordinator: CoordinatorService
    private let ingestProducer: TopicProducer
    private let forwardProducer: TopicProducer
    private let aggregatedProducer: TopicProducer
    private let logger: Logger

    /// Where the servers listen.
    public let addresses: AddressFile

    /// The longest that a stop waits for one stage to drain.
    private static let drain: Duration = .seconds(5)

    /// Starts everything, in the order in which the parts need each other.
    /// - Throws: the first error of a part; what was started before is stopped again.
    public static func start(
        options: StandaloneOptions, group: any EventLoopGroup, logger: Logger
    ) async throws -> StandaloneService {
        var started = StartedParts()
        do {
            return try await start(options, group, logger, &started)
        } catch {
            await started.stop()
            throw error
        }
    }

    private static func start(
        _ options: StandaloneOptions, _ group: any EventLoopGroup, _ logger: Logger, _ started: inout StartedParts
    ) async throws -> StandaloneService {
        let registry = Registry()
        ProcessTelemetry.register(in: registry)
        let aggregatorOptions = try aggregatorOptions(options)
        let folder = try DataFolder(options.dataDirectory)
        let control = try EmbeddedStore(directory: folder.control)
        started.add { await control.close() }
        let store = try TimeSeriesStore(directory: folder.storage, registry: registry)
        started.add { await BlockingWork.finish { store.close() } }
        let coordinator = try CoordinatorService(
            options: CoordinatorService.Options(
                http: options.http, aggregated: options.aggregated, rulesDirectory: options.rulesDirectory,
                numShards: options.numShards, aggregator: aggregatorOptions,
                ackFlushNanos: options.connectionFlushNanos, onStored: options.onStored),
            store: store, group: group, registry: registry, logger: logger)
        let aggregator = AggregatorService(
            options: AggregatorService.Options(
                host: options.ingest.host, port: options.ingest.port, aggregator: aggregatorOptions,
                ownedShards: Array(0..<options.numShards), ackFlushNanos: options.connectionFlushNanos),
            group: group, registry: registry, logger: logger)

        let aggregated = try await ListenFailure.naming("--aggregated", options.aggregated) {
            SocketText.text(try await coordinator.listen(), host: options.aggregated.host)
        }
        started.add { await coordinator.stop() }
        let ingest = try await ListenFailure.naming("--ingest", options.ingest) {
            SocketText.text(try await aggregator.listen(), host: options.ingest.host)
        }
        started.add { await aggregator.cancel() }
        let plane = try await StandaloneControlPlane.bootstrap(
            store: control, ingestEndpoint: ingest, aggregatedEndpoint: aggregated, numShards: options.numShards)
        try await TapConsumer.apply(options.tap, store: control, topics: plane.topics)
        let routes = TopicRoutes(store: control, topics: plane.topics)

        func producer(_ name: String, _ topic: String, _ change: (inout ProducerOptions) -> Void) async throws
            -> TopicProducer
        {
            var producerOptions = ProducerOptions()
            producerOptions.name = name
            producerOptions.flushInterval = .nanoseconds(options.connectionFlushNanos)
            change(&producerOptions)
            return try await TopicProducer.start(
                topic: topic, routes: routes, options: producerOptions, group: group, registry: registry,
                logger: logger)
        }
        let ingestProducer = try await producer("coordinator", StandaloneControlPlane.ingestTopicName) {
            // A remote write that finds no room is refused, and Prometheus sends it again.
            $0.onFull = .returnError
        }
        let forwardProducer = try await producer("aggregator", StandaloneControlPlane.ingestTopicName) { _ in }
        let aggregatedProducer = try await producer("aggregator", StandaloneControlPlane.aggregatedTopicName) {
            // A flush makes all values of a window at once: room for two million of them.
            $0.maxBufferBytes = 512 << 20
        }
        for producer in [ingestProducer, forwardProducer, aggregatedProducer] {
            started.add { await producer.close(deadline: .zero) }
        }
        aggregator.run(outputs: [aggregatedProducer.destination], forwarded: forwardProducer.destination)
        let http = try await ListenFailure.naming("--http", options.http) {
            try await coordinator.serve(producer: ingestProducer.producer, control: control)
        }
        started.add { await coordinator.stopServing() }

        let service = StandaloneService(
            folder: folder, control: control, store: store, aggregator: aggregator, coordinator: coordinator,
            producers: (ingestProducer, forwardProducer, aggregatedProducer), logger: logger,
            addresses: AddressFile(
                http: http.description, ingest: ingest, aggregated: aggregated, pid: ProcessTelemetry.processID))
        try service.addresses.write(to: folder.path)
        logger.info(
            "standalone started",
            metadata: [
                "http": "\(service.addresses.http)", "ingest": "\(ingest)", "aggregated": "\(aggregated)",
                "data": "\(folder.path)",
            ])
        return service
    }

    private init(
        folder: DataFolder, control: EmbeddedStore, store: TimeSeriesStore, aggregator: AggregatorService,
        coordinator: CoordinatorService, producers: (TopicProducer, TopicProducer, TopicProducer), logger: Logger,
        addresses: AddressFile
    ) {
        self.folder = folder
        self.control = control
        self.store = store
        self.aggregator = aggregator
        self.coordinator = coordinator
        (ingestProducer, forwardProducer, aggregatedProducer) = producers
        self.logger = logger
        self.addresses = addresses
    }

    /// Stops from the front to the back, so that every window that is over is published and stored.
    /// - Returns: a sentence on what was published and what was not.
    public func stop() async -> String {
        await coordinator.stopServing()
        await ingestProducer.close(deadline: Self.drain)
        await aggregator.stop(forwarded: forwardProducer, drain: Self.drain)
        let published = await aggregatedProducer.close(deadline: Self.drain)
        await coordinator.stop()
        let store = store
        // Closing writes and syncs, which blocks.
        await BlockingWork.finish { store.close() }
        await control.close()
        let totals = aggregator.totals
        let lost = published.services.filter { $0.name != TapConsumer.serviceName }
            .reduce(0) { $0 + $1.dropped.values.reduce(0, +) }
        logger.info(
            "standalone stopped",
            metadata: ["emitted": "\(totals.emitted)", "discarded": "\(totals.discarded)", "unpublished": "\(lost)"])
        return "\(totals.emitted) aggregated values published, \(totals.discarded) samples in windows that were still "
            + "open dropped, \(lost) values not taken by storage"
    }

    private static func aggregatorOptions(_ options: StandaloneOptions) throws -> AggregatorOptions {
        var aggregator = AggregatorOptions()
        aggregator.numShards = options.numShards
        aggregator.numAggregatedShards = options.numShards
        aggregator.bufferForPastTimedMetricsNanos = options.latenessNanos
        aggregator.forwardingDelay = .constant(options.forwardingDelayNanos)
        aggregator.jitter = .upTo(options.flushJitterNanos)
        aggregator.flushCheckNanos = options.flushCheckNanos
        aggregator.hashSeed = .random(in: .min ... .max)
        return aggregator
    }
}
