import Aggregator
import Logging
import MessageQueue
import NIOCore
import Synchronization
import Telemetry

/// The aggregation of an instance: servers that take metrics, workers that own the shards, and their flushes.
public final class AggregatorService: Sendable {
    public struct Options: Sendable {
        /// A raw TCP server beside the m3msg server.
        public struct RawTCP: Sendable {
            public var host: String
            public var port: Int
            public var options: RawTCPOptions

            public init(host: String, port: Int, options: RawTCPOptions = RawTCPOptions()) {
                self.host = host
                self.port = port
                self.options = options
            }
        }

        /// Of the m3msg server.
        public var host: String
        public var port: Int
        public var consumer = ConsumerOptions()
        public var rawTCP: RawTCP?
        public var aggregator: AggregatorOptions
        /// The shards that this instance owns at the start.
        public var shards: [OwnedShard]

        /// - Parameters:
        ///   - ownedShards: the instance's for ever, unless ``AggregatorService/update(shards:)`` says otherwise.
        ///   - ackFlushNanos: how long acknowledgements are collected.
        public init(
            host: String, port: Int, aggregator: AggregatorOptions, ownedShards: [UInt32],
            ackFlushNanos: Int64 = 200_000_000
        ) {
            self.host = host
            self.port = port
            self.aggregator = aggregator
            shards = ownedShards.map { OwnedShard(shard: $0) }
            consumer.name = "ingest"
            consumer.ackFlushInterval = .nanoseconds(ackFlushNanos)
        }
    }

    private let options: Options
    private let workers: [(worker: AggregatorWorker, loop: any EventLoop)]
    private let router: IngestRouter
    private let server: ConsumerServer
    private let rawTCPServer: RawTCPServer?
    private let publisher: FlushPublisher
    private let timers = Mutex<[RepeatedTask]>([])

    /// Makes one worker per event loop of the group.
    public convenience init(options: Options, group: any EventLoopGroup, registry: Registry, logger: Logger) {
        self.init(options: options, gate: nil, group: group, registry: registry, logger: logger)
    }

    /// - Parameter gate: says when to publish; the workers wait for ``AggregatorWorker/lead(term:)`` besides. Nil for one
    ///   that always does.
    init(
        options: Options, gate: (any FlushGate)?, group: any EventLoopGroup, registry: Registry, logger: Logger
    ) {
        self.options = options
        let publisher = FlushPublisher(registry: registry, logger: logger)
        self.publisher = publisher
        let loops = Array(group.makeIterator())
        let table = WorkerTable(
            numShards: Int(options.aggregator.numShards), ownedShards: options.shards.map(\.shard),
            workerCount: loops.count)
        let telemetry = FlushTelemetry(registry, logger: logger)
        let workers = loops.enumerated().map { index, loop in
            AggregatorWorker(
                loop: loop, options: options.aggregator, shards: table.part(of: options.shards, worker: index),
                publisher: publisher, telemetry: telemetry, gate: gate)
        }
        self.workers = Array(zip(workers, loops)).map { (worker: $0, loop: $1) }
        let router = IngestRouter(workers: workers, table: table)
        self.router = router
        for worker in workers {
            worker.setRedirect { [weak router] slice, indices, shards in
                router?.redirect(slice, indices: indices, shards: shards)
            }
        }
        server = ConsumerServer(
            group: group, host: options.host, port: options.port, options: options.consumer, consumer: router,
            registry: registry, logger: logger)
        rawTCPServer = options.rawTCP.map { rawTCP in
            RawTCPServer(
                group: group, host: rawTCP.host, port: rawTCP.port, options: rawTCP.options,
                consumer: RawTCPIngest(router: router, registry: registry), registry: registry, logger: logger)
        }
        AggregatorTelemetry.register(workers, in: registry)
    }

    /// Begins to take m3msg; what arrives is aggregated, but nothing is published before ``run(outputs:forwarded:)``.
    public func listen() async throws -> SocketAddress { try await server.start() }

    /// Begins to take raw TCP; nil when the options have no server for it.
    public func listenRawTCP() async throws -> SocketAddress? { try await rawTCPServer?.start() }

    /// Begins to publish.
    /// - Parameters:
    ///   - aggregated: producer of the topic aggregated_metrics.
    ///   - forwarded: producer of the topic aggregator_ingest, for rollups.
    public func run(aggregated: Producer, forwarded: Producer) {
        publisher.set(aggregated: aggregated, forwarded: forwarded)
        startFlushing()
    }

    /// Begins to publish to any destinations.
    func run(outputs: [FlushDestination], forwarded: FlushDestination) {
        publisher.set(outputs: outputs, forwarded: forwarded)
        startFlushing()
    }

    private func startFlushing() {
        let interval = TimeAmount.nanoseconds(max(options.aggregator.flushCheckNanos, 1_000_000))
        for (worker, loop) in workers {
            let timer = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in worker.flushOnLoop() }
            timers.withLock { $0.append(timer) }
        }
    }

    /// Takes other shards, as the placement has them now. Those that stay keep their windows; what was open of those
    /// that went is counted as discarded.
    public func update(shards: [OwnedShard]) async {
        let table = router.table.changed(to: shards.map(\.shard), workerCount: workers.count)
        for (index, worker) in workers.enumerated() {
            await worker.worker.update(shards: table.part(of: shards, worker: index))
        }
        router.table = table
    }

    /// Sets other rate limits.
    public func apply(_ limits: AggregatorRuntimeOptions) async {
        for (worker, _) in workers { await worker.apply(limits) }
    }

    /// Publishes every window that is over, the results of rollups too, and counts the others as dropped.
    /// - Parameters:
    ///   - forwarded: closed on the way, before the server that takes its messages.
    ///   - drain: how long forwarded values and acknowledgements are waited for.
    public func stop(forwarded: Producer, drain: Duration) async {
        await stop { _ = await forwarded.close(deadline: drain) }
    }

    func stop(forwarded: TopicProducer, drain: Duration) async {
        await stop(forwarded: RoleForwarding.topic(forwarded), drain: drain)
    }

    func stop(forwarded: RoleForwarding, drain: Duration) async {
        await stop(takesRollupsOverRawTCP: forwarded.usesRawTCP) { await forwarded.close(deadline: drain) }
    }

    /// What was written to a socket of this very instance takes no longer to arrive.
    private static let arrival: Duration = .milliseconds(200)

    private func stop(
        takesRollupsOverRawTCP: Bool = false, closingForwarded closeForwarded: () async -> Void
    ) async {
        for timer in timers.withLock({ $0 }) { timer.cancel() }
        if !takesRollupsOverRawTCP { await rawTCPServer?.stop() }
        for (worker, _) in workers { await worker.flushEndedWindows() }
        await closeForwarded()
        if takesRollupsOverRawTCP {
            try? await Task.sleep(for: Self.arrival)
            await rawTCPServer?.stop()
        }
        for (worker, _) in workers { await worker.shutDown() }
        await server.stop()
    }

    /// Stops an instance whose windows another one publishes: nothing is published any more, and what it has is counted
    /// as dropped.
    func stopHandedOver(forwarded: RoleForwarding, drain: Duration) async {
        for timer in timers.withLock({ $0 }) { timer.cancel() }
        await rawTCPServer?.stop()
        _ = await forwarded.close(deadline: drain)
        for (worker, _) in workers { await worker.shutDown(publishesEnded: false) }
        await server.stop()
    }

    var workerActors: [AggregatorWorker] { workers.map(\.worker) }

    func dropSuperseded() { publisher.dropSuperseded() }

    /// Stops at once; what is in memory is lost.
    public func cancel() async {
        for timer in timers.withLock({ $0 }) { timer.cancel() }
        await rawTCPServer?.stop()
        await server.stop()
    }

    /// Counters and gauges of all workers added up.
    public var totals: AggregatorTotals { AggregatorTotals(workers.map(\.worker.snapshot)) }
}
