import Coordinator
import MessageQueue
import Storage
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Services

/// A store whose writes return when the test says so.
private final class HeldWrites: Sendable {
    typealias Completion = @Sendable (Result<WriteOutcome, StorageError>) -> Void

    private let held = Mutex<[(samples: Int, completion: Completion)]>([])

    func write(_ batch: SampleBatch, _ completion: @escaping Completion) {
        held.withLock { $0.append((batch.count, completion)) }
    }

    /// Waits for the next write.
    func next() async throws -> (samples: Int, completion: Completion) {
        try await poll("a write", every: .milliseconds(1)) {
            held.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        }
    }

    var count: Int { held.withLock { $0.count } }
}

@Suite(.serialized) struct AggregatedConsumerTests {
    private let registry = Registry()
    private let writes = HeldWrites()

    private func start() async throws -> (server: ConsumerServer, peer: LoopbackPeer) {
        let consumer = AggregatedConsumer(
            ingester: AggregatedIngester(registry: registry) { [writes] in writes.write($0, $1) }, registry: registry)
        let (server, port) = try await startServer(consumer)
        return (server, try LoopbackPeer(port: port))
    }

    private func outcome(stored: Int) -> WriteOutcome {
        var outcome = WriteOutcome()
        outcome.stored = stored
        return outcome
    }

    @Test func messagesAreAcknowledgedOnlyAfterTheWrite() async throws {
        let (server, peer) = try await start()
        var bytes: [UInt8] = []
        for id: UInt64 in 1...3 {
            bytes += try Message.frame(shard: 5, id: id, epoch: 1, try Message.aggregated("a\(id)", 1, atMs: 10_000))
        }
        try peer.send(bytes)
        var reader = AckReader()
        var completions: [HeldWrites.Completion] = []
        var samples = 0
        while samples < 3 {
            let write = try await writes.next()
            samples += write.samples
            completions.append(write.completion)
        }
        #expect(peer.receive(waitingMilliseconds: 50).isEmpty)
        for completion in completions { completion(.success(outcome(stored: 3))) }
        try reader.wait(for: 3, from: peer)
        #expect(Set(reader.acks) == Set((1...3).map { AckEntry(shard: 5, id: $0) }))
        await server.stop()
    }

    @Test func aBusyStoreGetsTheMessagesAgain() async throws {
        let (server, peer) = try await start()
        let frame = try Message.frame(shard: 5, id: 1, epoch: 1, try Message.aggregated("a", 1, atMs: 10_000))
        try peer.send(frame)
        try await writes.next().completion(.failure(.busy("the queue is full")))
        #expect(peer.receive(waitingMilliseconds: 50).isEmpty)
        #expect(registry.value("m3agg_ingest_retried_total", labels: [("reason", "busy")]) == 1)
        // It was not stored, so a repetition is no redelivery.
        try peer.send(frame)
        try await writes.next().completion(.success(outcome(stored: 1)))
        var reader = AckReader()
        try reader.wait(for: 1, from: peer)
        #expect(registry.value("m3agg_coordinator_redelivered_total") == 0)
        // Now it is: acknowledged without another write.
        try peer.send(frame)
        try reader.wait(for: 2, from: peer)
        #expect(writes.count == 0)
        #expect(registry.value("m3agg_coordinator_redelivered_total") == 1)
        await server.stop()
    }

    @Test func whatCanNotBeDecodedIsAcknowledgedAndCounted() async throws {
        let (server, peer) = try await start()
        try peer.send(try Message.frame(shard: 5, id: 1, epoch: 1, [0x0a, 0x7f]))
        var reader = AckReader()
        try reader.wait(for: 1, from: peer)
        #expect(writes.count == 0)
        #expect(registry.value("m3agg_ingest_dropped_total") == 1)
        #expect(registry.value("m3agg_ingest_received_total") == 1)
        await server.stop()
    }

    @Test func aBadMessageBesideAGoodOneIsAcknowledgedThoughTheStoreIsBusy() async throws {
        let (server, peer) = try await start()
        try peer.send(
            try Message.frame(shard: 5, id: 1, epoch: 1, [0x0a, 0x7f])
                + Message.frame(shard: 5, id: 2, epoch: 1, Message.aggregated("a", 1, atMs: 10_000)))
        try await writes.next().completion(.failure(.busy("the queue is full")))
        var reader = AckReader()
        try reader.wait(for: 1, from: peer)
        #expect(reader.acks == [AckEntry(shard: 5, id: 1)])
        await server.stop()
    }

    @Test func producersWithoutAnEpochAreWrittenEachTime() async throws {
        let (server, peer) = try await start()
        let frame = try Message.frame(shard: 5, id: 1, try Message.aggregated("a", 1, atMs: 10_000))
        var reader = AckReader()
        for round in 1...2 {
            try peer.send(frame)
            try await writes.next().completion(.success(outcome(stored: 1)))
            try reader.wait(for: round, from: peer)
        }
        await server.stop()
    }
}
