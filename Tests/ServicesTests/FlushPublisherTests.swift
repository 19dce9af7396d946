import Aggregator
import MessageQueue
import Metrics
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Services

@Suite(.serialized) struct FlushPublisherTests {
    /// Sends one counter that is due at the first window's end.
    private func ingestOne(_ fixture: IngestFixture) throws {
        let peer = try LoopbackPeer(port: fixture.port)
        let shard = UInt64(try Message.shard("one", of: 64))
        try peer.send(try Message.frame(shard: shard, id: 1, epoch: 3, try Message.counter("one", 42)))
        var reader = AckReader()
        try reader.wait(for: 1, from: peer)
    }

    @Test func whatIsFlushedReachesTheConsumerOnce() async throws {
        let records = Mutex<[TapRecord]>([])
        let (server, port) = try await startServer(MessageTap { new in records.withLock { $0 += new } })
        let producer = try startProducer("127.0.0.1:\(port)")
        let fixture = try await IngestFixture(workers: 2)
        fixture.publisher.set(aggregated: producer, forwarded: producer)
        try ingestOne(fixture)
        for seconds: Int64 in 0..<40 { try await fixture.flush(at: IngestFixture.startNanos + seconds * second) }
        #expect(await producer.close(deadline: .seconds(30)).services[0].acked == 1)
        let record = try #require(records.withLock { $0.first })
        #expect(records.withLock { $0.count } == 1)
        #expect(record.kind == "aggregated")
        #expect(record.values == [42])
        #expect(record.policy == "10s:2d")
        #expect(record.timeNanos == IngestFixture.startNanos + 10 * second)
        #expect(record.line == "aggregated one 42.0 @1700000010000ms 10s:2d")
        await fixture.stop()
        await server.stop()
    }

    @Test func aClosedProducerTakesNothingAndTheLossIsCounted() async throws {
        let producer = try startProducer("127.0.0.1:9")
        await producer.close(deadline: .zero)
        let fixture = try await IngestFixture(workers: 1)
        fixture.publisher.set(aggregated: producer, forwarded: producer)
        try ingestOne(fixture)
        for seconds: Int64 in 0..<40 { try await fixture.flush(at: IngestFixture.startNanos + seconds * second) }
        let labels = [("destination", "aggregated"), ("reason", "closed")]
        #expect(fixture.registry.value("m3agg_aggregator_unpublished_total", labels: labels) == 1)
        #expect(fixture.registry.value("m3agg_aggregator_emitted_total") == 1)
        await fixture.stop()
    }

    @Test func aFlushBeforeTheProducersAreNamedIsCountedToo() async throws {
        let fixture = try await IngestFixture(workers: 1)
        try ingestOne(fixture)
        for seconds: Int64 in 0..<40 { try await fixture.flush(at: IngestFixture.startNanos + seconds * second) }
        #expect(fixture.registry.value("m3agg_aggregator_unpublished_total") == 1)
        await fixture.stop()
    }

    @Test func aShutdownPublishesWhatIsOverAndCountsWhatIsOpen() async throws {
        let producer = try startProducer("127.0.0.1:9")
        let fixture = try await IngestFixture(workers: 2)
        fixture.publisher.set(aggregated: producer, forwarded: producer)
        let now = IngestFixture.startNanos + 5 * second
        fixture.clock.set(now)
        let peer = try LoopbackPeer(port: fixture.port)
        // The first two windows are over at the shutdown though late samples could still come; the third is open.
        for (id, offset) in [(UInt64(1), Int64(-4)), (2, 0), (3, 10)] {
            try peer.send(
                try Message.frame(
                    shard: 0, id: id, epoch: 5,
                    try Message.timed("timed", Double(id), at: now + offset * second, policy: "1s:1h")))
        }
        var reader = AckReader()
        try reader.wait(for: 3, from: peer)
        fixture.clock.set(now + 2 * second)
        let before = try await fixture.flush()
        #expect(before.reduce(0) { $0 + $1.counters.emitted } == 0)
        await fixture.flushEndedWindows()
        let snapshots = await fixture.shutDown()
        #expect(snapshots.reduce(0) { $0 + $1.counters.emitted } == 2)
        #expect(snapshots.reduce(0) { $0 + $1.counters.discarded[.shutDown] } == 1)
        for snapshot in snapshots { #expect(snapshot.counters.verify(openValues: snapshot.openValues) == []) }
        #expect(snapshots.allSatisfy { $0.openValues == 0 })
        // Nothing more is taken, so that its producer sends it to whoever comes next.
        try peer.send(try Message.frame(shard: 0, id: 4, epoch: 5, try Message.counter("late", 1)))
        #expect(
            await fixture.shutDown().reduce(0) { $0 + $1.counters.payloads }
                == snapshots.reduce(0) { $0 + $1.counters.payloads })
        #expect(producer.stats.services[0].queued == 2)
        await producer.close(deadline: .zero)
        await fixture.stop()
    }

    /// A kilobyte of id.
    private static func longName(_ index: Int) -> String {
        "series_\(index)_" + String(repeating: "x", count: 1_000)
    }

    /// The queue holds a third of the flush: without pacing it would drop the oldest messages.
    @Test func aFlushLargerThanTheQueueLosesNothing() async throws {
        let count = 10_000
        let limit = 4 << 20
        let (server, port) = try await startServer(MessageTap { _ in })
        let producer = try startProducer("127.0.0.1:\(port)") {
            $0.maxBufferBytes = limit
            $0.allowedSpilloverRatio = 0
        }
        let fixture = try await IngestFixture(workers: 2)
        let destination = FlushDestination.topic(producer, maxBufferBytes: limit)
        fixture.publisher.set(outputs: [destination], forwarded: destination)
        let peer = try LoopbackPeer(port: fixture.port)
        var bytes: [UInt8] = []
        for index in 0..<count {
            let name = Self.longName(index)
            bytes += try Message.frame(
                shard: UInt64(try Message.shard(name, of: 64)), id: UInt64(index + 1), epoch: 3,
                try Message.counter(name, 1))
        }
        try peer.send(bytes)
        var reader = AckReader()
        try reader.wait(for: count, from: peer)
        try await fixture.flush(at: IngestFixture.startNanos + 30 * second)
        let stats = try await poll("everything to be published and taken", every: .milliseconds(5)) {
            let stats = producer.stats.services[0]
            return stats.acked == UInt64(count) ? stats : nil
        }
        #expect(stats.dropped.values.reduce(0, +) == 0)
        #expect(fixture.registry.value("m3agg_aggregator_unpublished_total") == 0)
        let snapshots = try await fixture.flush()
        #expect(snapshots.reduce(0) { $0 + $1.counters.emitted } == UInt64(count))
        await producer.close(deadline: .zero)
        await fixture.stop()
        await server.stop()
    }

    @Test func nobodyTakingAnythingHoldsAFlushUpForFiveSecondsOnly() async throws {
        let count = 6_000
        let limit = 4 << 20
        let producer = try startProducer("127.0.0.1:9") {
            $0.maxBufferBytes = limit
            $0.allowedSpilloverRatio = 0
        }
        let fixture = try await IngestFixture(workers: 1)
        let destination = FlushDestination.topic(producer, maxBufferBytes: limit)
        fixture.publisher.set(outputs: [destination], forwarded: destination)
        let peer = try LoopbackPeer(port: fixture.port)
        var bytes: [UInt8] = []
        for index in 0..<count {
            bytes += try Message.frame(
                shard: 0, id: UInt64(index + 1), epoch: 3, try Message.counter(Self.longName(index), 1))
        }
        try peer.send(bytes)
        var reader = AckReader()
        try reader.wait(for: count, from: peer)
        let due = IngestFixture.startNanos + 30 * second
        let waiting = try await fixture.flush(at: due)
        #expect(waiting[0].counters.emitted < UInt64(count))
        let stillWaiting = try await fixture.flush(at: due + 4 * second)
        #expect(stillWaiting[0].counters.emitted < UInt64(count))
        let done = try await fixture.flush(at: due + 6 * second)
        #expect(done[0].counters.emitted == UInt64(count))
        await producer.close(deadline: .zero)
        await fixture.stop()
    }
}
