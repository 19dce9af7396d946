import Aggregator
import Logging
import MessageQueue
import NIOCore
import Synchronization
import Telemetry

/// The aggregator role: an m3msg server, workers that own the shards, and their flushes.
public final class AggregatorService: Sendable {
    public struct Options: Sendable {
        public var host: String
        public var port: Int
        public var aggregator: AggregatorOptions
        /// The shards that this instance owns.
        public var ownedShards: [UInt32]
        /// How long acknowledgements are collected.
        public var ackFlushNanos: Int64

        public init(
            host: String, port: Int, aggregator: AggregatorOptions, ownedShards: [UInt32],
            ackFlushNanos: Int64 = 200_000_000
        ) {
            self.host = host
            self.port = port
            self.aggregator = aggregator
            self.ownedShards = ownedShards
            self.ackFlushNanos = ackFlushNanos
        }
    }

    private let options: Options
    private let workers: [(worker: AggregatorWorker, loop: any EventLoop)]
    private let server: ConsumerServer
    private let publisher: FlushPublisher
    private let timers = Mutex<[RepeatedTask]>([])

    /// Makes one worker per event loop of the group.
    public init(options: Options, group: any EventLoopGroup, registry: Registry, logger: Logger) {
        self.options = options
        let publisher = FlushPublisher(registry: registry, logger: logger)
        self.publisher = publisher
        let loops = Array(group.makeIterator())
        let table = WorkerTable(
            numShards: Int(options.aggregator.numShards), ownedShards: options.ownedShards, workerCount: loops.count)
        let telemetry = FlushTelemetry(registry, logger: logger)
        let workers = loops.enumerated().map { index, loop in
            AggregatorWorker(
                loop: loop, options: options.aggregator, ownedShards: table.shards(ofWorker: index),
                publisher: publisher, telemetry: telemetry)
        }
        self.workers = Array(zip(workers, loops)).map { (worker: $0, loop: $1) }
        let router = IngestRouter(workers: workers, table: table)
        for worker in workers {
            worker.setRedirect { [weak router] slice, indices, shards in
                router?.redirect(slice, indices: indices, shards: shards)
            }
        }
        var consumer = ConsumerOptions()
        consumer.name = "ingest"
        consumer.ackFlushInterval = .nanoseconds(options.ackFlushNanos)
        server = ConsumerServer(
            group: group, host: options.host, port: options.port, options: consumer, consumer: router,
            registry: registry, logger: logger)
        AggregatorTelemetry.register(workers, in: registry)
    }

    /// Begins to listen; what arrives is aggregated, but nothing is published before ``run(aggregated:forwarded:)``.
    public func listen() async throws -> SocketAddress { try await server.start() }

    /// Begins to publish.
    /// - Parameters:
    ///   - aggregated: producer of the topic aggregated_metrics.
    ///   - forwarded: producer of the topic aggregator_ingest, for rollups.
    public func run(aggregated: Producer, forwarded: Producer) {
        publisher.set(aggregated: aggregated, forwarded: forwarded)
        let interval = TimeAmount.nanoseconds(max(options.aggregator.flushCheckNanos, 1_000_000))
        for (worker, loop) in workers {
            let timer = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in worker.flushOnLoop() }
            timers.withLock { $0.append(timer) }
        }
    }

    /// Publishes every window that is over, the results of rollups too, and counts the others as dropped.
    /// - Parameters:
    ///   - forwarded: closed on the way, before the server that takes its messages.
    ///   - drain: how long forwarded values and acknowledgements are waited for.
    public func stop(forwarded: Producer, drain: Duration) async {
        for timer in timers.withLock({ $0 }) { timer.cancel() }
        for (worker, _) in workers { await worker.flushEndedWindows() }
        await forwarded.close(deadline: drain)
        for (worker, _) in workers { await worker.shutDown() }
        await server.stop()
    }

    /// Stops at once; what is in memory is lost.
    public func cancel() async {
        for timer in timers.withLock({ $0 }) { timer.cancel() }
        await server.stop()
    }

    /// Counters and gauges of all workers added up.
    public var totals: AggregatorTotals { AggregatorTotals(workers.map(\.worker.snapshot)) }
}
