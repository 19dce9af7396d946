import NIOCore
import Synchronization
import Telemetry
import Testing

@testable import MessageQueue

@Suite(.serialized) struct EndToEndTests {
    static func service(
        _ consumption: ProducerRoute.Consumption, _ ports: [Int], shards: Int, ttl: Int64 = 0
    ) -> ProducerRoute.ConsumerService {
        ProducerRoute.ConsumerService(
            name: "consumers", consumption: consumption, messageTTLNanos: ttl, numberOfShards: shards,
            endpoints: ports.map { "127.0.0.1:\($0)" })
    }

    @Test func deliversAndAcknowledges() async throws {
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer)
        let producer = try makeProducer([Self.service(.replicated, [port], shards: 64)], shards: 64)
        for start in stride(from: 0 as UInt64, to: 10_000, by: 500) {
            try producer.produce(numbered(start..<start + 500, shards: 64))
        }
        try await eventually("all acknowledged") { producer.stats.services[0].acked == 10_000 }
        #expect(consumer.appliedCount == 10_000)
        #expect(consumer.twice.isEmpty)
        let stats = await producer.close(deadline: .seconds(10))
        #expect(stats.services[0].queued == 0)
        #expect(stats.services[0].replicas[0].bufferedBytes == 0, "acknowledged messages give their bytes back")
        await server.stop()
    }

    /// Every message is applied exactly once although connections break in the middle of the stream and the server is
    /// killed and started again on the same port.
    @Test func deliversEachMessageOnceThroughDisconnects() async throws {
        let total: UInt64 = 200_000
        let consumer = CountingConsumer()
        var (server, port) = try await makeServer(consumer)
        let producer = try makeProducer([Self.service(.replicated, [port], shards: 64)], shards: 64) {
            $0.onFull = .returnError
            $0.messageRetry = Backoff(initial: .seconds(2), factor: 2, max: nil, jitter: true)
        }
        var next: UInt64 = 0
        var cuts = 0
        while next < total {
            do {
                try producer.produce(numbered(next..<next + 500, shards: 64))
                next += 500
            } catch {
                guard case .bufferFull = error else { throw error }
                try await Task.sleep(for: .milliseconds(5))
            }
            if next % 10_000 == 0 {
                try await eventually("messages arrive between cuts") { consumer.received > cuts * 200 }
                for connection in server.connections { connection.channel.close(promise: nil) }
                cuts += 1
            }
            if next == 60_000 || next == 140_000 {
                await server.stop(deadline: .zero)
                server = try await makeServer(consumer, port: port).server
            }
        }
        try await eventually("all acknowledged") { producer.stats.services[0].acked == total }
        #expect(cuts == 20)
        #expect(consumer.appliedCount == Int(total))
        #expect(consumer.twice.isEmpty)
        let stats = producer.stats.services[0]
        #expect(stats.produced == total && stats.queued == 0 && stats.dropped.isEmpty)
        await producer.close(deadline: .seconds(10))
        await server.stop()
    }

    @Test func everyReplicaGetsItsOwnCopy() async throws {
        let consumers = [CountingConsumer(), CountingConsumer(), CountingConsumer()]
        var servers: [ConsumerServer] = []
        var ports: [Int] = []
        for consumer in consumers {
            let (server, port) = try await makeServer(consumer)
            servers.append(server)
            ports.append(port)
        }
        let producer = try makeProducer([Self.service(.replicated, ports, shards: 10)], shards: 10)
        try producer.produce(numbered(0..<2_000, shards: 10))
        try await eventually("all acknowledged") { producer.stats.services[0].acked == 6_000 }
        for (replica, consumer) in consumers.enumerated() {
            #expect(consumer.appliedCount == 2_000)
            let expected = Set((0..<10).map { UInt64(replica * 10 + $0) })
            #expect(consumer.state.withLock { $0.shards } == expected, "replicated shard = replica × shards + shard")
        }
        await producer.close(deadline: .seconds(10))
        for server in servers { await server.stop() }
    }

    /// A dead replica loses its own references only and is marked; the live one misses nothing.
    @Test(arguments: [ProducerOptions.OnFull.returnError, .dropOldest])
    func aDeadReplicaCostsTheLiveOneNothing(onFull: ProducerOptions.OnFull) async throws {
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer)
        let (dead, deadPort) = try await makeServer(CountingConsumer())
        await dead.stop(deadline: .zero)
        let producer = try makeProducer([Self.service(.replicated, [port, deadPort], shards: 8)], shards: 8) {
            $0.onFull = onFull
            $0.maxBufferBytes = 400_000
            $0.dropOldestInterval = .milliseconds(20)
        }
        var next: UInt64 = 0
        while next < 20_000 {
            try producer.produce(numbered(next..<next + 100, shards: 8))
            next += 100
            try await eventually("the live replica keeps up") {
                producer.stats.services[0].acked + 300 > next
            }
        }
        try await eventually("the live replica has everything") { consumer.appliedCount == 20_000 }
        try await eventually("live acknowledgements are counted") { producer.stats.services[0].acked == 20_000 }
        let stats = producer.stats.services[0]
        #expect(stats.produced == 40_000)
        #expect(stats.replicas[0].isIncomplete == false && stats.replicas[0].lost == 0)
        #expect(stats.replicas[1].isIncomplete)
        #expect(stats.replicas[1].bufferedBytes <= 480_000)
        let reason: DropReason = onFull == .returnError ? .bufferFull : .bufferFullOldest
        try await eventually("lost references are counted") {
            (producer.stats.services[0].dropped[reason] ?? 0) >= 18_000
        }
        producer.clearIncomplete(service: "consumers", endpoint: "127.0.0.1:\(deadPort)")
        let final = await producer.close(deadline: .milliseconds(200)).services[0]
        #expect(final.queued == 0)
        #expect(final.dropped.values.reduce(0, +) == 20_000)
        #expect((final.dropped[.closed] ?? 0) > 0)
        await server.stop()
    }

    @Test func sharedConsumersShareTheWork() async throws {
        let consumers = [CountingConsumer(), CountingConsumer()]
        let (first, firstPort) = try await makeServer(consumers[0])
        let (second, secondPort) = try await makeServer(consumers[1])
        let producer = try makeProducer([Self.service(.shared, [firstPort, secondPort], shards: 4)], shards: 4)
        try await eventually("both are connected") {
            producer.stats.services[0].replicas[0].connectedConnections == 8
        }
        for start in stride(from: 0 as UInt64, to: 40_000, by: 1_000) {
            try producer.produce(numbered(start..<start + 1_000, shards: 4))
        }
        try await eventually("all acknowledged") { producer.stats.services[0].acked == 40_000 }
        #expect(consumers[0].appliedCount + consumers[1].appliedCount == 40_000, "each message went to one of them")
        #expect(consumers[0].appliedCount > 0 && consumers[1].appliedCount > 0)
        // One goes; the other takes over.
        await first.stop(deadline: .zero)
        try producer.produce(numbered(40_000..<50_000, shards: 4))
        try await eventually("the other took over") { producer.stats.services[0].acked == 50_000 }
        await producer.close(deadline: .seconds(10))
        await second.stop()
    }

    @Test func closeDrainsWhatIsQueued() async throws {
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer)
        let producer = try makeProducer([Self.service(.replicated, [port], shards: 16)], shards: 16) {
            $0.flushInterval = .seconds(30)
        }
        try producer.produce(numbered(0..<50, shards: 16))
        let stats = await producer.close(deadline: .seconds(30))
        #expect(stats.services[0].acked == 50)
        #expect(stats.services[0].dropped.isEmpty)
        #expect(consumer.appliedCount == 50)
        #expect(await producer.close(deadline: .seconds(30)).services[0].acked == 50, "closing twice does no harm")
        #expect(throws: ProducerError.closed) { try producer.produce(numbered(0..<1, shards: 16)) }
        #expect(throws: ProducerRouteError.closed) {
            try producer.update(route: ProducerRoute(topic: "t", numberOfShards: 16, services: []))
        }
        await server.stop()
        #expect(consumer.state.withLock { $0.closed } == 4, "all four connections were closed")
    }

    @Test func messagesFollowTheirReplicaToANewEndpoint() async throws {
        let (old, oldPort) = try await makeServer(CountingConsumer())
        await old.stop(deadline: .zero)
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer)
        let producer = try makeProducer([Self.service(.replicated, [oldPort], shards: 8)], shards: 8)
        try producer.produce(numbered(0..<1_000, shards: 8))
        try producer.update(
            route: ProducerRoute(
                topic: "t", numberOfShards: 8, services: [Self.service(.replicated, [port], shards: 8)]))
        try producer.produce(numbered(1_000..<2_000, shards: 8))
        try await eventually("all acknowledged") { producer.stats.services[0].acked == 2_000 }
        #expect(consumer.state.withLock { $0.shards } == Set(0..<8), "a queue that moves keeps its shard number")
        #expect(consumer.twice.isEmpty)
        // A second replica, then none of them: queues that go are dropped as closed.
        try producer.update(
            route: ProducerRoute(
                topic: "t", numberOfShards: 8, services: [Self.service(.replicated, [port, oldPort], shards: 8)]))
        try producer.produce(numbered(2_000..<2_100, shards: 8))
        try await eventually("the live replica has it") { consumer.appliedCount == 2_100 }
        try producer.update(
            route: ProducerRoute(
                topic: "t", numberOfShards: 8, services: [Self.service(.replicated, [], shards: 8)]))
        try producer.produce(numbered(2_100..<2_110, shards: 8))
        let stats = await producer.close(deadline: .seconds(5)).services[0]
        #expect(stats.queued == 0)
        #expect(stats.dropped[.noWriter] == 10)
        #expect(stats.acked + (stats.dropped[.closed] ?? 0) == 2_200)
        await server.stop()
    }

    @Test func unacknowledgedMessagesComeAgainAndExpire() async throws {
        let consumer = CountingConsumer(accepts: { $0 % 2 == 0 })
        let (server, port) = try await makeServer(consumer)
        let ttl: Int64 = 400_000_000
        let producer = try makeProducer([Self.service(.replicated, [port], shards: 4, ttl: ttl)], shards: 4) {
            $0.messageRetry = Backoff(initial: .milliseconds(20), factor: 1, max: nil, jitter: false)
        }
        try producer.produce(numbered(0..<100, shards: 4))
        try await eventually("the rest expires") { producer.stats.services[0].dropped[.ttl] == 50 }
        let stats = producer.stats.services[0]
        #expect(stats.acked == 50 && stats.queued == 0)
        #expect(stats.retried > 0)
        #expect(consumer.received >= 150)
        await producer.close(deadline: .seconds(5))
        await server.stop()
    }

    @Test func producesFromManyThreadsAtOnce() async throws {
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer)
        let producer = try makeProducer([Self.service(.replicated, [port], shards: 32)], shards: 32)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 as Range<UInt64> {
                group.addTask {
                    for step in 0..<50 as Range<UInt64> {
                        let start = (task * 50 + step) * 100
                        try producer.produce(numbered(start..<start + 100, shards: 32))
                    }
                }
            }
            try await group.waitForAll()
        }
        let stats = await producer.close(deadline: .seconds(30)).services[0]
        #expect(stats.acked == 40_000)
        #expect(consumer.appliedCount == 40_000)
        #expect(consumer.twice.isEmpty)
        await server.stop()
    }
}
