import Logging
import MessageQueue
import Metrics
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Aggregator
@testable import Services

/// The aggregator's servers, workers and producers over the loopback address, with a clock that only the test moves.
/// What it forwards comes back to it, what it aggregates ends here.
final class AggregatorOnVirtualTime {
    /// One aggregated value.
    struct Output: Sendable {
        var id: [UInt8]
        var storagePolicy: StoragePolicy
        var timeNanos: Int64
        var value: Double
        var routingTrafficTypes: UInt64
        var annotation: [UInt8]

        var policy: String { storagePolicy.description }
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
                                id: view.id.array(from: bytes), storagePolicy: view.storagePolicy,
                                timeNanos: view.timeNanos, value: view.value,
                                routingTrafficTypes: view.routingTrafficTypes,
                                annotation: view.annotation.array(from: bytes)))
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
    private let numShards: UInt32
    private let numAggregatedShards: Int
    private var producers: [Producer] = []
    private var input: Producer?
    private(set) var port = 0

    /// - Parameter shards: those of the node; nil for all of them, for ever.
    init(options: AggregatorOptions, shards: [OwnedShard]? = nil, startNanos: Int64) {
        numShards = options.numShards
        numAggregatedShards = Int(options.numAggregatedShards)
        clock.nanos.store(startNanos, ordering: .relaxed)
        let publisher = FlushPublisher(registry: registry, logger: logger)
        self.publisher = publisher
        loops = Array(group.makeIterator())
        let shards = shards ?? (0..<options.numShards).map { OwnedShard(shard: $0) }
        let table = WorkerTable(
            numShards: Int(options.numShards), ownedShards: shards.map(\.shard), workerCount: loops.count)
        let telemetry = FlushTelemetry(registry, logger: logger)
        let clock = clock
        let workers = loops.enumerated().map { index, loop in
            AggregatorWorker(
                loop: loop, options: options, shards: table.part(of: shards, worker: index), publisher: publisher,
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
        func producer(_ topic: String, _ shards: Int, _ port: Int) throws -> Producer {
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
        let toCoordinator = try producer("aggregated_metrics", numAggregatedShards, aggregatedPort)
        let toItself = try producer("aggregator_ingest", Int(numShards), port)
        let input = try producer("aggregator_ingest", Int(numShards), port)
        self.input = input
        producers = [toCoordinator, toItself, input]
        publisher.set(aggregated: toCoordinator, forwarded: toItself)
    }

    func setClock(_ nanos: Int64) { clock.nanos.store(nanos, ordering: .relaxed) }

    /// Sends a payload to the node through a producer of the ingest topic, and waits until it has been applied.
    func send(_ payload: [UInt8]) async throws {
        let shard = try MetricReader.read(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
            .id.withBytes(of: payload.span.bytes) { Murmur3.shard(of: $0, numShards: numShards) }
        try input?.produce(
            PayloadBatch(
                bytes: ByteBuffer(bytes: payload),
                entries: [PayloadBatch.Entry(shard: shard, offset: 0, length: payload.count)]))
        try await waitForArrival()
    }

    /// Lets every worker flush what is due, and waits until all that came of it has arrived.
    func flush() async throws {
        for (worker, loop) in zip(workers, loops) { try await loop.submit { worker.flushOnLoop() }.get() }
        try await waitForArrival()
    }

    /// As ``flush()``, and then what lists have ready whose flush is not due yet.
    func flushEveryList() async throws {
        let publisher = publisher
        let now = clock.nanos.load(ordering: .relaxed)
        try await onEveryWorker { worker, core in
            worker.flushOnLoop()
            for bucket in core.buckets.indices { core.flush(bucket: bucket, now: now) { publisher.publish($0) } }
        }
        try await waitForArrival()
    }

    /// What a follower does when its leader has published everything that was ready at a time.
    func discard(before nanos: Int64) async throws { try await onEveryWorker { $1.discard(before: nanos) } }

    /// What the workers count, and the equations of conservation that do not hold in one of them.
    func counters() async throws -> (counters: [AggregatorCounters], failures: [String]) {
        let states = try await onEveryWorker { ($1.counters, $1.verify()) }
        return (states.map(\.0), states.flatMap(\.1))
    }

    @discardableResult
    private func onEveryWorker<Result: Sendable>(
        _ body: @escaping @Sendable (AggregatorWorker, AggregationWorker) -> Result
    ) async throws -> [Result] {
        var results: [Result] = []
        for (worker, loop) in zip(workers, loops) {
            results.append(try await loop.submit { body(worker, try Self.core(of: worker)) }.get())
        }
        return results
    }

    /// What a worker keeps to itself; on its loop only. Flushes that are not due are none of a node's business, so that it
    /// has no method for them.
    private static func core(of worker: AggregatorWorker) throws -> AggregationWorker {
        try #require(Mirror(reflecting: worker).descendant("core") as? AggregationWorker)
    }

    private func waitForArrival() async throws {
        let producers = producers
        _ = try await poll("all messages to arrive", every: .milliseconds(1)) {
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
