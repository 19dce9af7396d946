import AggregatorExamples
import Metrics
import Testing
import WireFormat

@testable import Aggregator

/// Shards that come, go and change hands while a worker runs.
@Suite struct ShardChangeTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_700_000_000 * second

    private static var options: AggregatorOptions {
        var options = Script.options
        options.numShards = 4
        options.numAggregatedShards = 4
        return options
    }

    private func ids(of shard: UInt32, _ count: Int = 20) -> [String] {
        let ids = (0..<40 * count).map { "id\($0)" }.filter { Murmur3.hash32(Array($0.utf8)) % 4 == shard }
        return Array(ids.prefix(count))
    }

    private func names(_ worker: AggregationWorker, now: Int64) throws -> [String] {
        var names: [String] = []
        var unreadable: [String] = []
        for bucket in worker.buckets.indices {
            worker.flush(bucket: bucket, now: now) { output in
                output.withUnsafeBytes { raw in
                    for entry in output.entries {
                        do {
                            let view = try AggregatedMetricReader.read(raw.bytes, in: entry.range)
                            names.append(String(decoding: view.id.array(from: raw.bytes), as: UTF8.self))
                        } catch { unreadable.append("\(error)") }
                    }
                }
            }
        }
        try #require(unreadable.isEmpty)
        return names.sorted()
    }

    @Test func removedShardsLeaveNothingBehind() throws {
        let worker = AggregationWorker(options: Self.options, ownedShards: [0, 1, 2, 3])
        let metadata = try MetadataText.staged("Sum | Last,Max do r(Sum) resend ; cutover 1 Max | Sum resend")
        let kept = ids(of: 2)
        let removed = ids(of: 1)
        for index in 0..<40 {
            let now = Self.start + Int64(index) * Self.second
            for id in kept + removed {
                Simulation.ingest(
                    [Payload.counter(id, 1, metadata, clientTime: now - 8 * Self.second)], into: worker, now: now)
            }
            if index % 10 == 9 {
                for bucket in worker.buckets.indices { worker.flush(bucket: bucket, now: now) { _ in } }
            }
            #expect(worker.verify().isEmpty)
        }
        let seriesBefore = worker.liveSeries
        worker.update(shards: [OwnedShard(shard: 2), OwnedShard(shard: 3)], instanceShards: [2, 3])
        #expect(worker.verify().isEmpty)
        #expect(worker.liveSeries == seriesBefore - removed.count)
        #expect(worker.liveElements == kept.count * 2)
        #expect(worker.counters.discarded[.shardRemoved] > 0)
        #expect(worker.flushTimes.allSatisfy { $0.list.shard == 2 })
        let end = Self.start + 60 * Self.second
        #expect(Set(try names(worker, now: end)) == Set(kept))
        Simulation.ingest([Payload.counter(removed[0], 1, metadata)], into: worker, now: end)
        #expect(worker.counters.unrouted[.shardNotOwned] == 1)
        #expect(worker.verify().isEmpty)
    }

    @Test func aShardThatComesBackStartsEmpty() throws {
        let worker = AggregationWorker(options: Self.options, ownedShards: [0, 1])
        let id = ids(of: 1)[0]
        let metadata = try MetadataText.staged("Sum do Increase")
        Simulation.ingest([Payload.counter(id, 5, metadata)], into: worker, now: Self.start)
        #expect(try names(worker, now: Self.start + 10 * Self.second) == [id])
        worker.update(shards: [OwnedShard(shard: 0)])
        #expect(Simulation.ingest([Payload.counter(id, 5, metadata)], into: worker, now: Self.start) == [0])
        worker.update(shards: [OwnedShard(shard: 0), OwnedShard(shard: 1)])
        Simulation.ingest([Payload.counter(id, 3, metadata)], into: worker, now: Self.start + 15 * Self.second)
        // Less than before: had the history stayed, nothing would come.
        #expect(try names(worker, now: Self.start + 20 * Self.second) == [id])
        #expect(worker.verify().isEmpty)
    }

    @Test func writesAreTakenFromBeforeCutoverToAfterCutoff() throws {
        var options = Self.options
        options.bufferBeforeShardCutoverNanos = 10 * Self.second
        options.bufferAfterShardCutoffNanos = 20 * Self.second
        let shards = [
            OwnedShard(shard: 0),
            OwnedShard(
                shard: 1, cutoverNanos: Self.start + 100 * Self.second, cutoffNanos: Self.start + 200 * Self.second),
        ]
        let metadata = try MetadataText.staged("Sum")
        let open = Payload.counter(ids(of: 0)[0], 1, metadata)
        let bounded = Payload.counter(ids(of: 1)[0], 1, metadata)
        func refusals(_ options: AggregatorOptions, at nanos: Int64) -> UInt64 {
            let worker = AggregationWorker(options: options, shards: shards)
            Simulation.ingest([open, bounded, bounded], into: worker, now: nanos)
            #expect(worker.verify().isEmpty)
            #expect(worker.counters.applied + worker.counters.unrouted.total == 3)
            return worker.counters.unrouted[.shardNotWritable]
        }
        #expect(refusals(options, at: Self.start + 90 * Self.second - 1) == 2)
        #expect(refusals(options, at: Self.start + 90 * Self.second) == 0)
        #expect(refusals(options, at: Self.start + 220 * Self.second - 1) == 0)
        #expect(refusals(options, at: Self.start + 220 * Self.second) == 2)
        options.writesIgnoreCutoffCutover = true
        #expect(refusals(options, at: Self.start + 220 * Self.second) == 0)
    }

    @Test func aFollowerDiscardsWhatItsLeaderHasPublished() throws {
        let simulation = Simulation(Self.options)
        let worker = simulation.workers[0]
        let metadata = try MetadataText.staged("Sum do Increase")
        for (index, value) in [5, 9, 20].enumerated() {
            simulation.ingest(
                Payload.counter("c", Int64(value), metadata), now: Self.start + Int64(index) * 10 * Self.second)
        }
        let list = ListID(
            shard: Murmur3.hash32(Array("c".utf8)) % 4, kind: .standard, resolutionNanos: 10 * Self.second)
        worker.discard(upTo: [FlushTime(list: list, lastFlushedNanos: Self.start + 20 * Self.second)])
        #expect(worker.counters.discarded[.follower] == 2)
        #expect(worker.flushTimes == [FlushTime(list: list, lastFlushedNanos: Self.start + 20 * Self.second)])
        #expect(simulation.failures.isEmpty)
        // An older time and lists that are not here change nothing.
        let other = ListID(shard: 3, kind: .forwarded, resolutionNanos: 10, numForwardedTimes: 1)
        worker.discard(upTo: [
            FlushTime(list: list, lastFlushedNanos: Self.start), FlushTime(list: other, lastFlushedNanos: .max),
        ])
        #expect(worker.counters.discarded[.follower] == 2)
        worker.beginLeading(now: Self.start + 30 * Self.second)
        #expect(worker.nextFlushNanos(now: 0) <= Self.start + 30 * Self.second)
        simulation.flushDue(now: Self.start + 30 * Self.second)
        // The history went on while the windows were discarded.
        #expect(simulation.published.map(\.value) == [11])
        worker.discard(before: Self.start + 100 * Self.second)
        #expect(simulation.failures.isEmpty)
        #expect(simulation.openValues == 0)
    }

    @Test func theShareOfAShardInTheLimitOfTheClusterIsRoundedUp() {
        func share(_ limit: Int64, _ shards: UInt32, _ replicas: UInt32) -> Int64 {
            AggregatorRuntimeOptions.newMetricLimitPerShard(
                clusterLimit: limit, numShards: shards, replicaFactor: replicas)
        }
        #expect(share(1_000, 64, 2) == 8)
        #expect(share(1_024, 64, 2) == 8)
        #expect(share(1_025, 64, 2) == 9)
        #expect(share(1, 1_024, 3) == 1)
        #expect(share(0, 64, 2) == 0)
        #expect(share(-5, 64, 2) == 0)
        #expect(share(.max, 0, 2) == 0)
        #expect(share(.max, 1, 1) == .max)
    }
}
