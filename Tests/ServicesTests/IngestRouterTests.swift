import Aggregator
import MessageQueue
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Services

@Suite(.serialized) struct IngestRouterTests {
    private static let names = (0..<200).map { "series_\($0)" }

    private func checkEquations(_ snapshots: [AggregatorWorker.Snapshot]) {
        for snapshot in snapshots { #expect(snapshot.counters.verify(openValues: snapshot.openValues) == []) }
    }

    @Test(arguments: [1, 2, 3]) func everyWorkerGetsItsShardsAndEverythingIsAcknowledged(workers: Int) async throws {
        let fixture = try await IngestFixture(workers: workers)
        let peer = try LoopbackPeer(port: fixture.port)
        var bytes: [UInt8] = []
        var sent: Set<AckEntry> = []
        for (index, name) in Self.names.enumerated() {
            let shard = UInt64(try Message.shard(name, of: 64))
            bytes += try Message.frame(shard: shard, id: UInt64(index + 1), try Message.counter(name, 1))
            sent.insert(AckEntry(shard: shard, id: UInt64(index + 1)))
        }
        try peer.send(bytes)
        var reader = AckReader()
        try reader.wait(for: sent.count, from: peer)
        #expect(Set(reader.acks) == sent)
        let snapshots = try await fixture.flush()
        #expect(snapshots.count == workers)
        #expect(snapshots.allSatisfy { $0.counters.applied > 0 })
        #expect(snapshots.reduce(0) { $0 + $1.counters.applied } == 200)
        #expect(snapshots.reduce(0) { $0 + $1.counters.misrouted } == 0)
        checkEquations(snapshots)
        await fixture.stop()
    }

    @Test func wrongShardHintsAreRedirectedAppliedOnceAndAcknowledgedAsTheyCame() async throws {
        let fixture = try await IngestFixture(workers: 3)
        let peer = try LoopbackPeer(port: fixture.port)
        var bytes: [UInt8] = []
        var sent: [AckEntry] = []
        for (index, name) in Self.names.enumerated() {
            // Every second hint names a shard of another worker.
            let shard = UInt64(try Message.shard(name, of: 64)) + UInt64(index % 2)
            bytes += try Message.frame(shard: shard, id: UInt64(index + 1), epoch: 7, try Message.counter(name, 1))
            sent.append(AckEntry(shard: shard, id: UInt64(index + 1)))
        }
        var reader = AckReader()
        try peer.send(bytes)
        try reader.wait(for: 200, from: peer)
        #expect(Set(reader.acks) == Set(sent))
        // The same messages again, as after lost acknowledgements.
        try peer.send(bytes)
        try reader.wait(for: 400, from: peer)
        #expect(reader.acks.count == 400)
        let snapshots = try await fixture.flush()
        #expect(snapshots.reduce(0) { $0 + $1.counters.applied } == 200)
        #expect(snapshots.reduce(0) { $0 + $1.redelivered } == 200)
        #expect(snapshots.reduce(0) { $0 + $1.counters.misrouted } > 0)
        #expect(
            fixture.registry.value("m3agg_message_queue_consumer_frames_decoded_total")
                == fixture.registry.value("m3agg_aggregator_decoded_total")
                + fixture.registry.value("m3agg_aggregator_redelivered_total"))
        checkEquations(snapshots)
        await fixture.stop()
    }

    @Test(arguments: [1, 2]) func shardsOfOtherInstancesAreCountedAndAcknowledged(workers: Int) async throws {
        let owned: [UInt32] = Array(0..<32)
        let fixture = try await IngestFixture(workers: workers, ownedShards: owned)
        let peer = try LoopbackPeer(port: fixture.port)
        var bytes: [UInt8] = []
        var mine: UInt64 = 0
        for (index, name) in Self.names.enumerated() {
            let shard = try Message.shard(name, of: 64)
            if shard < 32 { mine += 1 }
            // Hints that are right, and hints that claim a shard of this instance.
            let hint = index % 2 == 0 ? UInt64(shard) : UInt64(shard % 32)
            bytes += try Message.frame(shard: hint, id: UInt64(index + 1), epoch: 9, try Message.counter(name, 1))
        }
        #expect(mine > 0 && mine < 200)
        var reader = AckReader()
        try peer.send(bytes)
        try reader.wait(for: 200, from: peer)
        try peer.send(bytes)
        try reader.wait(for: 400, from: peer)
        let snapshots = try await fixture.flush()
        #expect(snapshots.reduce(0) { $0 + $1.counters.applied } == mine)
        #expect(snapshots.reduce(0) { $0 + $1.counters.unrouted[.shardNotOwned] } == 200 - mine)
        #expect(snapshots.reduce(0) { $0 + $1.redelivered } == 200)
        #expect(
            fixture.registry.samples().contains {
                $0.name == "m3agg_aggregator_unrouted_values_total" && $0.value > 0
                    && $0.labels.contains { $0 == ("reason", "shard_not_owned") }
            })
        checkEquations(snapshots)
        await fixture.stop()
    }

    @Test func aPayloadThatIsNoMetricIsCountedAndAcknowledged() async throws {
        let fixture = try await IngestFixture(workers: 2)
        let peer = try LoopbackPeer(port: fixture.port)
        var bytes = try Message.frame(shard: 1, id: 1, [0xff, 0xff, 0xff])
        bytes += try Message.frame(shard: 2, id: 2, try Message.counter("good", 5))
        try peer.send(bytes)
        var reader = AckReader()
        try reader.wait(for: 2, from: peer)
        let snapshots = try await fixture.flush()
        #expect(snapshots.reduce(0) { $0 + $1.counters.bad.values.reduce(0, +) } == 1)
        #expect(snapshots.reduce(0) { $0 + $1.counters.applied } == 1)
        checkEquations(snapshots)
        await fixture.stop()
    }

    @Test func aProducerWithoutAnEpochIsNotFiltered() async throws {
        let fixture = try await IngestFixture(workers: 2)
        let peer = try LoopbackPeer(port: fixture.port)
        let frame = try Message.frame(shard: 1, id: 1, try Message.counter("twice", 5))
        try peer.send(frame + frame)
        var reader = AckReader()
        try reader.wait(for: 2, from: peer)
        let snapshots = try await fixture.flush()
        #expect(snapshots.reduce(0) { $0 + $1.counters.applied } == 2)
        await fixture.stop()
    }
}
