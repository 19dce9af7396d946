import Aggregator
import Logging
import MessageQueue
import Metrics
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import TestKit
import WireFormat

@testable import Services

/// The aggregator's servers, workers and producers over the loopback address, with a clock that only the test moves.
/// What it forwards comes back to it, what it aggregates ends here.
final class AggregatorOnVirtualTime {
    /// One aggregated value.
    struct Output: Sendable {
        var id: [UInt8]
        var policy: String
        var timeNanos: Int64
        var value: Double
    }

    /// A clock that stands still until it is set.
    private final class ManualClock: Sendable {
        let nanos = Atomic<Int64>(0)
    }

    private final class OutputConsumer: MessageConsumer {
        let outputs = Mutex<(values: [Output], bad: Int)>(([], 0))

        func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
            batch.withBytes { bytes in
                outputs.withLock { outputs in
                    for message in batch.messages {
                        guard let view = try? AggregatedMetricReader.read(bytes, in: message.value) else {
                            outputs.bad += 1
                            continue
                        }
                        outputs.values.append(
                            Output(
                                id: view.id.array(from: bytes), policy: view.storagePolicy.description,
                                timeNanos: view.timeNanos, value: view.value))
                    }
                }
            }
            connection.acknowledge(batch)
        }
    }

    let registry = Registry()
    private let clock = ManualClock()
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let loops: [any EventLoop]
    private let workers: [AggregatorWorker]
    private let router: IngestRouter
    private let publisher: FlushPublisher
    private let ingest: ConsumerServer
    private let consumer = OutputConsumer()
    private let aggregated: ConsumerServer
    private var producers: [Producer] = []
    private(set) var port = 0

    init(options: AggregatorOptions, startNanos: Int64) {
        clock.nanos.store(startNanos, ordering: .relaxed)
        let publisher = FlushPublisher(registry: registry, logger: logger)
        self.publisher = publisher
        loops = Array(group.makeIterator())
        let table = WorkerTable(
            numShards: Int(options.numShards), ownedShards: Array(0..<options.numShards), workerCount: loops.count)
        let telemetry = FlushTelemetry(registry, logger: logger)
        let clock = clock
        let workers = loops.enumerated().map { index, loop in
            AggregatorWorker(
                loop: loop, options: options, ownedShards: table.shards(ofWorker: index), publisher: publisher,
                telemetry: telemetry, now: { clock.nanos.load(ordering: .relaxed) })
        }
        self.workers = workers
        let router = IngestRouter(workers: workers, table: table)
        self.router = router
        for worker in workers {
            worker.setRedirect { [weak router] in router?.redirect($0, indices: $1, shards: $2) }
        }
        let (group, registry, logger) = (group, registry, logger)
        func server(_ name: String, _ consumer: any MessageConsumer) -> ConsumerServer {
            var consumerOptions = ConsumerOptions()
            consumerOptions.name = name
            consumerOptions.ackFlushInterval = .milliseconds(1)
            return ConsumerServer(
                group: group, host: "127.0.0.1", port: 0, options: consumerOptions, consumer: consumer,
                registry: registry, logger: logger)
        }
        ingest = server("ingest", router)
        aggregated = server("aggregated", consumer)
        AggregatorTelemetry.register(workers, in: registry)
    }

    func start() async throws {
        port = try await ingest.start().port ?? 0
        let aggregatedPort = try await aggregated.start().port ?? 0
        let shards = 64
        func producer(_ topic: String, _ port: Int) throws -> Producer {
            var options = ProducerOptions()
            options.flushInterval = .milliseconds(1)
            return try Producer.start(
                route: ProducerRoute(
                    topic: topic, numberOfShards: shards,
                    services: [
                        .init(
                            name: "consumer", consumption: .replicated, numberOfShards: shards,
                            endpoints: ["127.0.0.1:\(port)"])
                    ]), options: options, group: group, registry: registry, logger: logger)
        }
        let toCoordinator = try producer("aggregated_metrics", aggregatedPort)
        let toItself = try producer("aggregator_ingest", port)
        producers = [toCoordinator, toItself]
        publisher.set(aggregated: toCoordinator, forwarded: toItself)
    }

    func setClock(_ nanos: Int64) { clock.nanos.store(nanos, ordering: .relaxed) }

    /// Lets every worker flush what is due, and waits until all that came of it has arrived.
    func flush() async throws {
        for (worker, loop) in zip(workers, loops) { try await loop.submit { worker.flushOnLoop() }.get() }
        let producers = producers
        _ = try await poll("the outputs of a flush to arrive", every: .milliseconds(1)) {
            producers.allSatisfy { $0.stats.services.allSatisfy { $0.queued == 0 } } ? true : nil
        }
    }

    var outputs: (values: [Output], bad: Int) { consumer.outputs.withLock { $0 } }

    var snapshots: [AggregatorWorker.Snapshot] { workers.map(\.snapshot) }

    func stop() async throws {
        for producer in producers { await producer.close(deadline: .seconds(1)) }
        await ingest.stop()
        await aggregated.stop()
        try await group.shutdownGracefully()
    }
}
