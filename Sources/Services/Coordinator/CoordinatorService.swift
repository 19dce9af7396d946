import Aggregator
import ControlAPI
import Coordinator
import KeyValue
import Logging
import MessageQueue
import Metrics
import NIOCore
import Query
import Rules
import Storage
import Synchronization
import Telemetry
import Transport

/// The coordinator role: remote write in, aggregated metrics in, queries out.
package final class CoordinatorService: Sendable {
    package struct Options: Sendable {
        var http: StandaloneOptions.ListenAddress
        var aggregated: StandaloneOptions.ListenAddress
        var rulesDirectory: String?
        var numShards: UInt32
        /// The aggregator's delays, which have to fit the rules' resolutions.
        var aggregator: AggregatorOptions
        var ackFlushNanos: Int64
        var onStored: (@Sendable (AggregatedIngester.StoredSample) -> Void)?

        package init(
            http: StandaloneOptions.ListenAddress, aggregated: StandaloneOptions.ListenAddress,
            rulesDirectory: String?, numShards: UInt32, aggregator: AggregatorOptions, ackFlushNanos: Int64,
            onStored: (@Sendable (AggregatedIngester.StoredSample) -> Void)? = nil
        ) {
            self.http = http
            self.aggregated = aggregated
            self.rulesDirectory = rulesDirectory
            self.numShards = numShards
            self.aggregator = aggregator
            self.ackFlushNanos = ackFlushNanos
            self.onStored = onStored
        }
    }

    private let options: Options
    private let store: TimeSeriesStore
    private let group: any EventLoopGroup
    private let registry: Registry
    private let logger: Logger
    private let downsampler: Downsampler
    private let rules: RulesFolder?
    private let consumer: AggregatedConsumer
    private let server: ConsumerServer
    private struct Running {
        var http: HTTPServer?
        var housekeeping: Task<Void, Never>?
    }
    private let running = Mutex(Running())

    /// - Throws: ``Rules/RuleFileErrors`` and what the aggregator's options find wrong with the rules' resolutions.
    package init(
        options: Options, store: TimeSeriesStore, group: any EventLoopGroup, registry: Registry, logger: Logger
    ) throws {
        self.options = options
        self.store = store
        self.group = group
        self.registry = registry
        self.logger = logger
        let downsampler = Downsampler(options: DownsamplerOptions(numShards: options.numShards))
        self.downsampler = downsampler
        rules = try options.rulesDirectory.map {
            try RulesFolder(
                directory: $0, downsampler: downsampler, aggregator: options.aggregator, registry: registry,
                logger: logger)
        }
        let observer = options.onStored.map { show -> AggregatedIngester.Observer in
            { samples in for sample in samples { show(sample) } }
        }
        consumer = AggregatedConsumer(
            ingester: AggregatedIngester(registry: registry, observer: observer) { batch, completion in
                store.write(batch, completion: completion)
            }, registry: registry)
        var consumerOptions = ConsumerOptions()
        consumerOptions.name = "aggregated"
        consumerOptions.ackFlushInterval = .nanoseconds(options.ackFlushNanos)
        server = ConsumerServer(
            group: group, host: options.aggregated.host, port: options.aggregated.port, options: consumerOptions,
            consumer: consumer, registry: registry, logger: logger)
    }

    /// Begins to take aggregated metrics.
    package func listen() async throws -> SocketAddress { try await server.start() }

    /// Begins to answer HTTP.
    /// - Parameters:
    ///   - producer: of the topic aggregator_ingest.
    ///   - control: what the admin API reads and changes.
    package func serve(producer: Producer, control: any KeyValueStore) async throws -> HTTPServer.BoundAddress {
        let endpoint = RemoteWriteEndpoint(
            handler: RemoteWriteHandler(downsampler: downsampler), store: store, producer: producer,
            registry: registry)
        let store = store
        let rules = rules
        let api = CoordinatorAPI(
            source: { scope throws(QueryError) in try StorageSeriesSource(store: store, scope: scope) },
            remoteWrite: { await endpoint.respond(to: $0) },
            readiness: {
                [
                    ReadinessCheck(name: "storage"),
                    ReadinessCheck(name: "aggregator_ingest", problem: Self.problem(of: producer)),
                ] + (rules.map { [$0.readiness] } ?? [])
            }, registry: registry, nowNanos: { WallClock.nowNanos() })
        let admin = AdminAPI(store: control, nowNanos: { WallClock.nowNanos() })
        let http = HTTPServer(
            group: group, host: options.http.host, port: options.http.port, router: api.router(adding: admin.addRoutes),
            registry: registry, logger: logger)
        let address = try await http.start()
        let consumer = consumer
        let housekeeping = Task {
            while !Task.isCancelled {
                rules?.check()
                consumer.expire()
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
        running.withLock {
            $0.http = http
            $0.housekeeping = housekeeping
        }
        registry.onScrape { [weak downsampler] in Self.cacheSamples(downsampler) }
        return address
    }

    /// Answers no more requests.
    package func stopServing() async {
        let state = running.withLock { $0 }
        state.housekeeping?.cancel()
        await state.http?.stop()
    }

    /// Takes no more aggregated metrics.
    package func stop() async { await server.stop() }

    private static func problem(of producer: Producer) -> String? {
        let replicas = producer.stats.services.flatMap(\.replicas)
        if replicas.contains(where: { $0.connectedConnections > 0 }) { return nil }
        return "no connection to an aggregator yet"
    }

    private static func cacheSamples(_ downsampler: Downsampler?) -> [Registry.Sample] {
        guard let state = downsampler?.cacheState else { return [] }
        return [
            Registry.Sample(
                "m3agg_coordinator_cached_series", help: "Series whose matched rules are kept.", kind: .gauge,
                value: Double(state.series)),
            Registry.Sample(
                "m3agg_coordinator_cache_misses_total", help: "Series that had to be matched against the rules.",
                kind: .counter, value: Double(state.misses)),
            Registry.Sample(
                "m3agg_coordinator_cache_evictions_total", help: "Series that were forgotten at the cache's limit.",
                kind: .counter, value: Double(state.evictions)),
        ]
    }
}
