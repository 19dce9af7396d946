import Aggregator
import MessageQueue
import NIOCore
import NIOPosix
import Telemetry

@testable import Services

/// Workers behind a server on the loopback address, on a clock that the test sets.
final class IngestFixture {
    static let startNanos: Int64 = 1_700_000_000 * second

    let clock = ManualClock(IngestFixture.startNanos)
    let registry = Registry()
    let table: WorkerTable
    let publisher: FlushPublisher
    private let workers: [AggregatorWorker]
    private let loops: [any EventLoop]
    private let router: IngestRouter
    private let server: ConsumerServer
    let port: Int

    /// - Parameters:
    ///   - workers: more of them than event loops share the loops.
    ///   - ownedShards: of 64.
    init(workers count: Int, ownedShards: [UInt32] = Array(0..<64)) async throws {
        let registry = registry
        let publisher = FlushPublisher(registry: registry, logger: quiet)
        self.publisher = publisher
        let table = WorkerTable(numShards: 64, ownedShards: ownedShards, workerCount: count)
        self.table = table
        let group = Array(testLoops.makeIterator())
        let loops = (0..<count).map { group[$0 % group.count] as any EventLoop }
        self.loops = loops
        let clock = clock
        let telemetry = FlushTelemetry(registry, logger: quiet)
        let workers = loops.enumerated().map { index, loop in
            AggregatorWorker(
                loop: loop, options: AggregatorOptions(), ownedShards: table.shards(ofWorker: index),
                publisher: publisher, telemetry: telemetry, now: { clock.now })
        }
        self.workers = workers
        let router = IngestRouter(workers: workers, table: table)
        self.router = router
        for worker in workers {
            worker.setRedirect { [weak router] in router?.redirect($0, indices: $1, shards: $2) }
        }
        (server, port) = try await startServer(router, registry: registry)
        AggregatorTelemetry.register(workers, in: registry)
    }

    /// Flushes what is due at this time and returns the workers' numbers.
    @discardableResult
    func flush(at nanos: Int64? = nil) async throws -> [AggregatorWorker.Snapshot] {
        if let nanos { clock.set(nanos) }
        for (worker, loop) in zip(workers, loops) { try await loop.submit { worker.flushOnLoop() }.get() }
        return workers.map(\.snapshot)
    }

    func flushEndedWindows() async { for worker in workers { await worker.flushEndedWindows() } }

    func shutDown() async -> [AggregatorWorker.Snapshot] {
        for worker in workers { await worker.shutDown() }
        return workers.map(\.snapshot)
    }

    func stop() async { await server.stop() }
}
