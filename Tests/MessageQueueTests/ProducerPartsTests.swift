import NIOCore
import NIOPosix
import Telemetry
import Testing

@testable import MessageQueue

@Suite struct BackoffTests {
    @Test func growsByItsFactor() {
        let backoff = Backoff(initial: .seconds(5), factor: 2, max: nil, jitter: false)
        let seconds = (1...5).map { backoff.nanoseconds(afterAttempt: $0, random: 0) / 1_000_000_000 }
        #expect(seconds == [5, 10, 20, 40, 80])
    }

    @Test func jitterTakesHalfOfTheWaitFromChance() {
        let backoff = Backoff(initial: .seconds(4), factor: 2, max: nil, jitter: true)
        #expect(backoff.nanoseconds(afterAttempt: 1, random: 0) == 2_000_000_000)
        #expect(backoff.nanoseconds(afterAttempt: 1, random: .max) == 3_999_999_999)
        #expect(backoff.nanoseconds(afterAttempt: 2, random: .max / 2 + 1) == 6_000_000_000)
    }

    @Test func staysWithinItsMaximumAndTheRangeOfNumbers() {
        let limited = Backoff(initial: .seconds(1), factor: 10, max: .seconds(30), jitter: false)
        #expect(limited.nanoseconds(afterAttempt: 3, random: 0) == 30_000_000_000)
        let unlimited = Backoff(initial: .seconds(5), factor: 1_000, max: nil, jitter: true)
        for attempt in [-1, 0, 48, 1_000, Int.max] {
            #expect(unlimited.nanoseconds(afterAttempt: attempt, random: .max) > 0)
        }
    }
}

@Suite struct BufferAccountTests {
    @Test func givesBackInAnyOrder() {
        var account = BufferAccount(limit: 100, spillover: 0.2)
        let batches = (0..<10).map { _ in account.admit(10) }
        #expect(account.bytes == 100 && !account.hasRoom(for: 1))
        for index in [3, 9, 0, 5, 1, 2, 4, 8, 7, 6] { account.end(batches[index].handle) }
        #expect(account.bytes == 0)
        let dropped = account.dropOldest()
        #expect(!dropped && account.dropBelow == 0)
    }

    @Test func dropsTheOldestUntilTheLimitHolds() {
        var account = BufferAccount(limit: 100, spillover: 0.2)
        let first = account.admit(60)
        let second = account.admit(40)
        #expect(account.excess == .none)
        let third = account.admit(19)
        #expect(account.excess == .dropLater, "up to 120 bytes wait for the background")
        let fourth = account.admit(1)
        #expect(account.excess == .dropNow)
        let dropped = account.dropOldest()
        #expect(dropped && account.bytes == 60)
        #expect(account.dropBelow == second.sequence)
        // The dropped batch ends later and gives nothing back twice.
        account.end(first.handle)
        #expect(account.bytes == 60)
        for batch in [second, third, fourth] { account.end(batch.handle) }
        #expect(account.bytes == 0)
    }

    @Test func aDroppedBatchKeepsItsHandleUntilItEnds() {
        var account = BufferAccount(limit: 10, spillover: 0)
        let old = account.admit(10)
        let new = account.admit(10)
        let dropped = account.dropOldest()
        #expect(dropped)
        let other = account.admit(0)
        #expect(other.handle != old.handle && other.handle != new.handle)
        account.end(old.handle)
        #expect(account.bytes == 10)
        let reused = account.admit(0)
        #expect(reused.handle == old.handle)
    }

    /// Against a plain list, with batches that end and are dropped at random.
    @Test(arguments: 0..<20 as Range<UInt64>) func agreesWithAList(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var account = BufferAccount(limit: 1_000, spillover: 0.2)
        var listed: [(handle: Int32, sequence: UInt64, bytes: Int)] = []
        var dropped: [Int32] = []
        for _ in 0..<5_000 {
            switch random.next() % 5 {
            case 0, 1, 2:
                let bytes = Int(random.next() % 90)
                let (handle, sequence) = account.admit(bytes)
                #expect(!listed.contains { $0.handle == handle } && !dropped.contains(handle))
                listed.append((handle, sequence, bytes))
            case 3:
                if !listed.isEmpty { account.end(listed.remove(at: Int(random.next() % UInt64(listed.count))).handle) }
                if !dropped.isEmpty { account.end(dropped.removeLast()) }
            default: if account.excess == .dropNow { _ = account.dropOldest() }
            }
            while let first = listed.first, first.sequence < account.dropBelow {
                dropped.append(first.handle)
                listed.removeFirst()
            }
            #expect(account.bytes == listed.reduce(0) { $0 + $1.bytes })
        }
    }
}

@Suite struct ServiceRouteTests {
    static func route(_ endpoints: [[String]]) -> ProducerRoute.ConsumerService {
        ProducerRoute.ConsumerService(
            name: "s", consumption: .replicated,
            targets: endpoints.map { $0.map { ProducerRoute.Target(endpoint: $0) } })
    }

    /// `replicated shard → endpoint` of all queues.
    static func queues(_ route: ServiceRoute) -> [String] {
        route.queues.map { queue in
            "\(queue.replicatedShard)→\(queue.endpoints.map { route.endpoints[$0] }.joined(separator: ","))"
        }
    }

    @Test func replicasAreNumberedPerShardAndNeverAgain() {
        var route = ServiceRoute(name: "s", consumption: .replicated, numberOfShards: 2)
        route.update(Self.route([["a", "b"], ["b"]]))
        #expect(Self.queues(route) == ["0→a", "2→b", "1→b"])
        // a stays, b goes from shard 0, c comes to both: b's queue of shard 0 is pointed to c; shard 1 gets a new one.
        route.update(Self.route([["a", "c"], ["b", "c"]]))
        #expect(Self.queues(route) == ["0→a", "2→c", "1→b", "3→c"])
        route.update(Self.route([["c"], ["c"]]))
        #expect(Self.queues(route) == ["2→c", "3→c"])
        route.update(Self.route([["c", "a"], ["c", "b"]]))
        #expect(Self.queues(route) == ["2→c", "4→a", "3→c", "5→b"], "numbers aren't used again")
        #expect(route.active.map { route.endpoints[$0] }.sorted() == ["a", "b", "c"])
    }

    @Test func cutoversFollowTheNewTarget() {
        var route = ServiceRoute(name: "s", consumption: .replicated, numberOfShards: 1)
        route.update(
            ProducerRoute.ConsumerService(
                name: "s", consumption: .replicated,
                targets: [[ProducerRoute.Target(endpoint: "a", cutoverNanos: 1, cutoffNanos: 2)]]))
        #expect(route.queues[0].cutoverNanos == 1 && route.queues[0].cutoffNanos == 2)
        route.update(
            ProducerRoute.ConsumerService(
                name: "s", consumption: .shared, messageTTLNanos: 9,
                targets: [[ProducerRoute.Target(endpoint: "b", cutoverNanos: 3)]]))
        #expect(route.queues[0].cutoverNanos == 3 && route.queues[0].cutoffNanos == .max)
        #expect(route.queues[0].replicatedShard == 0 && route.ttlNanos == 9, "the consumption type doesn't change")
    }

    @Test func sharedServicesHaveOneQueuePerShard() {
        var route = ServiceRoute(name: "s", consumption: .shared, numberOfShards: 2)
        route.update(
            ProducerRoute.ConsumerService(name: "s", consumption: .shared, numberOfShards: 2, endpoints: ["a", "b"]))
        #expect(Self.queues(route) == ["0→a,b", "1→a,b"])
        route.update(ProducerRoute.ConsumerService(name: "s", consumption: .shared, numberOfShards: 2, endpoints: []))
        #expect(Self.queues(route) == ["0→", "1→"], "messages stay queued without instances")
    }
}

@Suite struct AdmissionTests {
    static func start(
        _ services: [ProducerRoute.ConsumerService], shards: Int = 4, _ change: (inout ProducerOptions) -> Void
    ) throws -> Producer {
        try makeProducer(services, shards: shards) {
            $0.flushInterval = .seconds(60)
            $0.dropOldestInterval = .seconds(600)
            change(&$0)
        }
    }

    /// A service whose endpoints nobody listens on.
    static func dead(_ name: String, _ consumption: ProducerRoute.Consumption, _ count: Int)
        -> ProducerRoute.ConsumerService
    {
        ProducerRoute.ConsumerService(
            name: name, consumption: consumption, numberOfShards: 4,
            endpoints: (0..<count).map { "127.0.0.1:\($0 + 1)" })
    }

    @Test func aBatchIsAdmittedWholeOrNotAtAll() async throws {
        let producer = try Self.start([Self.dead("s", .replicated, 1)]) {
            $0.onFull = .returnError
            $0.maxBufferBytes = 10_000
        }
        let cost = 100 + ProducerOptions.overheadPerMessage
        try producer.produce(numbered(0..<50, shards: 4, size: 100))
        #expect(producer.stats.services[0].replicas[0].bufferedBytes == 50 * cost)
        #expect(throws: ProducerError.bufferFull(service: "s", bufferedBytes: 50 * cost, limit: 10_000)) {
            try producer.produce(numbered(0..<26, shards: 4, size: 100))
        }
        #expect(throws: ProducerError.batchTooLarge(bytes: 100 * cost, limit: 10_000)) {
            try producer.produce(numbered(0..<100, shards: 4, size: 100))
        }
        var outside = numbered(0..<2, shards: 4, size: 100)
        outside.entries[1].shard = 4
        #expect(throws: ProducerError.shardOutOfRange(shard: 4, shards: 4)) { try producer.produce(outside) }
        var beyond = numbered(0..<2, shards: 4, size: 100)
        beyond.entries[1].length = .max
        #expect(throws: ProducerError.entryOutOfBounds(offset: 100, length: .max, bytes: 200)) {
            try producer.produce(beyond)
        }
        #expect(producer.isNearlyFull == false)
        try producer.produce(numbered(0..<25, shards: 4, size: 100))
        #expect(producer.isNearlyFull)
        #expect(producer.stats.services[0].produced == 75, "refused batches leave no trace")
        #expect(producer.stats.services[0].replicas[0].isIncomplete == false)
        let stats = await producer.close(deadline: .zero).services[0]
        #expect(stats.dropped == [.closed: 75] && stats.queued == 0)
        #expect(stats.replicas[0].bufferedBytes == 0)
    }

    @Test func aFullSharedServiceRefusesForAll() async throws {
        let producer = try Self.start([Self.dead("a", .shared, 2), Self.dead("b", .replicated, 0)]) {
            $0.onFull = .returnError
            $0.maxBufferBytes = 10_000
        }
        try producer.produce(numbered(0..<50, shards: 4, size: 100))
        #expect(throws: ProducerError.self) { try producer.produce(numbered(0..<50, shards: 4, size: 100)) }
        #expect(producer.stats[service: "a"]?.queued == 50)
        #expect(producer.stats[service: "b"]?.dropped == [.noWriter: 50])
        #expect(producer.stats[service: "c"] == nil)
        await producer.close(deadline: .zero)
    }

    @Test func tooLargeMessagesAreDroppedAndTheRestGoesOn() async throws {
        let producer = try Self.start([Self.dead("s", .replicated, 2)]) { $0.maxMessageBytes = 100 }
        var batch = numbered(0..<3, shards: 4, size: 100)
        batch.append(shard: 1, [UInt8](repeating: 0, count: 101))
        try producer.produce(batch)
        let stats = producer.stats.services[0]
        #expect(stats.produced == 8 && stats.dropped == [.tooLarge: 2] && stats.queued == 6)
        await producer.close(deadline: .zero)
    }

    @Test func dropOldestMakesRoomAtTheSpillLimit() async throws {
        let producer = try Self.start([Self.dead("s", .replicated, 1)]) { $0.maxBufferBytes = 10 * 132 }
        for number in 0..<11 as Range<UInt64> {
            try producer.produce(numbered(number..<number + 1, shards: 4, size: 100))
        }
        #expect(
            producer.stats.services[0].replicas[0].bufferedBytes == 11 * 132, "a little over is left to the background")
        #expect(producer.stats.services[0].replicas[0].isIncomplete == false)
        try producer.produce(numbered(11..<12, shards: 4, size: 100))
        #expect(producer.stats.services[0].replicas[0].bufferedBytes == 10 * 132)
        #expect(producer.stats.services[0].replicas[0].isIncomplete)
        try await eventually("two are dropped") { producer.stats.services[0].dropped[.bufferFullOldest] == 2 }
        #expect(producer.stats.services[0].replicas[0].lost == 2)
        producer.clearIncomplete(service: "s", endpoint: "127.0.0.1:1")
        #expect(producer.stats.services[0].replicas[0].isIncomplete == false)
        await producer.close(deadline: .zero)
    }

    @Test func oneBufferForAllIsChargedOnce() async throws {
        let producer = try Self.start([Self.dead("a", .replicated, 2), Self.dead("b", .shared, 1)]) {
            $0.bufferScope = .shared
            $0.onFull = .returnError
            $0.maxBufferBytes = 1_000
        }
        try producer.produce(numbered(0..<7, shards: 4, size: 100))
        let stats = producer.stats
        #expect(stats.services.map(\.produced) == [14, 7])
        #expect(stats.services[0].replicas.allSatisfy { $0.bufferedBytes == 7 * 132 })
        #expect(throws: ProducerError.self) { try producer.produce(numbered(0..<1, shards: 4, size: 100)) }
        let final = await producer.close(deadline: .zero)
        #expect(final.services.map { $0.dropped } == [[.closed: 14], [.closed: 7]])
        #expect(final.services[0].replicas[0].bufferedBytes == 0)
    }

    @Test func routesAreChecked() throws {
        func refuse(_ route: ProducerRoute, _ error: ProducerRouteError) {
            #expect(throws: error) { try route.validate() }
            #expect(!error.description.isEmpty)
        }
        refuse(ProducerRoute(topic: "", numberOfShards: 1, services: []), .emptyTopic)
        refuse(ProducerRoute(topic: "t", numberOfShards: 0, services: []), .shardCount(0, limit: 65_536))
        let good = Self.dead("s", .replicated, 1)
        refuse(ProducerRoute(topic: "t", numberOfShards: 4, services: [good, good]), .duplicateService("s"))
        refuse(
            ProducerRoute(topic: "t", numberOfShards: 5, services: [good]),
            .targetCount(service: "s", count: 4, shards: 5))
        for endpoint in ["", "host", "host:", ":1", "host:0", "host:65536", "a:b:1", "[]:1"] {
            let bad = ProducerRoute.ConsumerService(
                name: "s", consumption: .shared, numberOfShards: 1, endpoints: [endpoint])
            refuse(
                ProducerRoute(topic: "t", numberOfShards: 1, services: [bad]),
                .badEndpoint(service: "s", endpoint))
        }
        let twice = ProducerRoute.ConsumerService(
            name: "s", consumption: .shared, numberOfShards: 1, endpoints: ["a:1", "a:1"])
        refuse(
            ProducerRoute(topic: "t", numberOfShards: 1, services: [twice]),
            .duplicateTarget(service: "s", shard: 0, endpoint: "a:1"))
        #expect(Endpoint("[::1]:7")?.host == "::1")
        #expect(Endpoint("host.name:65535")?.port == 65_535)
    }

    @Test func aBatchDoesNotRetainMuchMoreThanItsBytes() {
        var batch = PayloadBatch(bytes: ByteBufferAllocator().buffer(capacity: 1_000_000))
        batch.append(shard: 3, [1, 2, 3])
        let compact = batch.compacted()
        #expect(compact.bytes.storageCapacity < 1_000)
        #expect(compact.bytes == batch.bytes && compact.entries == batch.entries)
    }

    @Test func theNumberOfShardsIsForLife() async throws {
        let producer = try Self.start([Self.dead("s", .replicated, 1)]) { _ in }
        #expect(throws: ProducerRouteError.shardCountChanged(from: 4, to: 8)) {
            try producer.update(route: ProducerRoute(topic: "t", numberOfShards: 8, services: []))
        }
        await producer.close(deadline: .zero)
    }

    @Test func countsAreMetrics() async throws {
        let registry = Registry()
        let producer = try makeProducer([Self.dead("s", .replicated, 2)], shards: 4, registry: registry)
        try producer.produce(numbered(0..<10, shards: 4, size: 100))
        #expect(registry.value("m3agg_message_queue_producer_messages_unacked") == 20)
        #expect(registry.value("m3agg_message_queue_producer_buffered_bytes") == 2 * 10 * 132)
        await producer.close(deadline: .zero)
        let labels = [("producer", "producer"), ("topic", "t"), ("service", "s"), ("reason", "closed")]
        #expect(registry.value("m3agg_message_queue_producer_messages_dropped_total", labels: labels) == 20)
    }
}
