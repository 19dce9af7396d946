import AggregatorExamples
import Metrics
import Synchronization
import Testing
import WireFormat

@testable import Aggregator

/// Nothing is lost without a count: random runs with bad, late, early, doubled and misrouted input.
@Suite struct ConservationTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_700_000_000 * second

    private static var options: AggregatorOptions {
        var options = AggregatorOptions()
        options.numShards = 8
        options.numAggregatedShards = 8
        options.defaultStoragePolicies = [Script.defaultPolicy]
        options.entryTTLNanos = 60 * second
        options.maxBufferSizeNanos = 20 * second
        return options
    }

    private static let metadatas = [
        "Sum", "Sum,Max,Count on 10s:2d", "Sum on 1s:2d,10s:2d | Max on 1s:2d", "Sum do PerSecond",
        "Sum on 10s:2d do Increase r(Sum) Add", "Sum on 1s:2d do r(Max,Count) Absolute q(Sum)", "Last", "P99",
        "Sum do PerSecond Increase", "tombstoned", "none", "cutover 1700000030 Sum", "Default drop", "Default",
        "Sum ; cutover 1700000040 Max do r(Sum)", "Sum,Count on 1s:2d,10s:2d resend", "Last do PerSecond resend",
        "Last on 1s:2d do Increase r(Sum) Reset resend", "Sum do Add resend | Max do r(Last) resend",
    ]

    private func payload(_ now: Int64, _ random: inout SeededGenerator) throws -> [UInt8] {
        func pick(_ values: [Double]) -> Double { values[Int.random(in: 0..<values.count, using: &random)] }
        let text = Self.metadatas[Int.random(in: 0..<Self.metadatas.count, using: &random)]
        let metadata = try MetadataText.staged(text)
        let id = "id\(Int.random(in: 0..<40, using: &random))"
        let value = pick([0, 1, -1, 2.5, 1e18, -1e300, .infinity, -.infinity, .nan])
        let type = [MetricType.counter, .gauge, .timer, .unknown][Int.random(in: 0..<4, using: &random)]
        let ages: [Int64] = [0, 1, 5, 14, 25, 26, 3_000, -59, -61, -100_000, Int64.max / Self.second]
        let age = ages[Int.random(in: 0..<ages.count, using: &random)]
        let time = now.subtractingSaturating(age.multipliedSaturating(Self.second))
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1, 2:
            return Payload.counter(
                id, Int64.random(in: -5...Int64.max, using: &random), metadata, clientTime: age < 9 ? time : 0)
        case 3, 4: return Payload.gauge(id, value, metadata, note: age == 0 ? "note" : "", clientTime: time)
        case 5: return Payload.timer(id, Array(repeating: value, count: Int(abs(age) % 7)), metadata)
        case 6, 7: return Payload.timed(type, id, value, at: time, metadata)
        case 8:
            return Payload.plainTimed(
                type, id, value, at: time,
                TimedMetadata(aggregationID: AggregationID([.sum]), storagePolicy: Script.defaultPolicy))
        case 9:
            return Payload.forwarded(
                Bool.random(using: &random) ? type : .gauge, "r", [value, 3], at: time,
                ForwardMetadata(
                    aggregationID: AggregationID([.sum]), storagePolicy: Script.defaultPolicy,
                    pipeline: AppliedPipeline(), sourceID: UInt32.random(in: 0..<10, using: &random),
                    numForwardedTimes: [1, 1, 2, -1, 20].randomElement(using: &random) ?? 1,
                    resendEnabled: Bool.random(using: &random)),
                previous: age == 14 ? [] : [1, value], version: age == 0 ? 0 : .random(in: 0...3, using: &random))
        case 10:
            var bytes = Payload.counter(id, 1, metadata)
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            return bytes
        default: return (0..<Int.random(in: 0..<40, using: &random)).map { _ in .random(in: 0...255, using: &random) }
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>) func everyValueIsAccountedFor(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let simulation = Simulation(Self.options, workers: Int.random(in: 1...3, using: &random))
        var now = Self.start
        var sent: UInt64 = 0
        for _ in 0..<400 {
            now += Int64.random(in: 0...700_000_000, using: &random)
            let batch = try (0..<Int.random(in: 1...9, using: &random)).map { _ in try payload(now, &random) }
            simulation.ingest(batch, now: now)
            sent += UInt64(batch.count)
            if Int.random(in: 0..<3, using: &random) == 0 { simulation.flushDue(now: now) }
            if Int.random(in: 0..<20, using: &random) == 0 { simulation.tick(now: now) }
            if Int.random(in: 0..<30, using: &random) == 0 {
                simulation.discard(before: now - Int64.random(in: 10...90, using: &random) * Self.second)
            }
            if Int.random(in: 0..<40, using: &random) == 0 { changeShards(of: simulation, now, &random) }
            #expect(simulation.failures.isEmpty, "\(simulation.failures), seed \(seed)")
        }
        #expect(simulation.total(\.payloads) == sent + simulation.total(\.forwardedMessages))
        #expect(simulation.openValues > 0)
        simulation.flushEnded(now: now)
        #expect(simulation.failures.isEmpty, "\(simulation.failures), seed \(seed)")
        simulation.loopsBack = false
        simulation.shutDown(now: now)
        #expect(simulation.failures.isEmpty, "\(simulation.failures), seed \(seed)")
        #expect(simulation.openValues == 0)
        // What is published is what was counted.
        #expect(simulation.total { $0.emitted + $0.resetZeros } == UInt64(simulation.published.count))
        #expect(simulation.total(\.forwardedMessages) == UInt64(simulation.forwarded.count))
        #expect(simulation.total(\.forwarded) == UInt64(simulation.forwarded.reduce(0) { $0 + $1.values.count }))
        Self.seen.withLock { seen in
            seen["consumed again", default: 0] += simulation.total(\.windowsConsumedAgain)
            seen["replaced", default: 0] += simulation.total(\.replaced)
            for worker in simulation.workers {
                for (reason, count) in worker.counters.discarded.nonZero { seen[reason.rawValue, default: 0] += count }
                for (reason, count) in worker.counters.suppressed.nonZero { seen[reason.rawValue, default: 0] += count }
            }
            for (reason, count) in simulation.drops { seen[reason.rawValue, default: 0] += count }
        }
    }

    /// What the random runs have come across, of all seeds.
    private static let seen = Mutex<[String: UInt64]>([:])

    @Test func theRunsComeAcrossEverything() throws {
        for seed in 101...112 as ClosedRange<UInt64> { try everyValueIsAccountedFor(seed: seed) }
        let seen = Self.seen.withLock { $0 }
        var reasons = ["consumed again", "replaced", "follower", "cutover", "cutoff", "shard_removed", "shutdown"]
        reasons += ["nan", "no_previous"]
        reasons += [
            DropReason.tooFarInPast, .tooFarInFuture, .forwardedTooLate, .invalidPipeline, .tombstoned,
            .forwardedTooEarly, .previousValuesMissing, .resendUnsupported, .valueRateLimit, .newMetricRateLimit,
            .windowClosed, .sourceOutOfRange,
        ].map(\.rawValue)
        for reason in reasons { #expect(seen[reason] ?? 0 > 0, "no run has \(reason)") }
    }

    @Test func badPayloadsCostNothingElse() throws {
        var random = SeededGenerator(seed: 77)
        let simulation = Simulation(Self.options)
        for index in 0..<2_000 {
            let now = Self.start + Int64(index) * 10_000_000
            simulation.ingest(try payload(now, &random), now: now)
        }
        #expect(simulation.workers.contains { !$0.counters.bad.isEmpty })
        #expect(simulation.failures.isEmpty)
    }

    /// Takes a shard from a worker and gives it back, empty; others get a cutover or a cutoff, or lose it.
    private func changeShards(of simulation: Simulation, _ now: Int64, _ random: inout SeededGenerator) {
        for worker in simulation.workers {
            let shards = worker.ownedShards.keys.sorted().map { shard in
                switch Int.random(in: 0..<6, using: &random) {
                case 0: OwnedShard(shard: shard, cutoverNanos: now + 5 * Self.second)
                case 1: OwnedShard(shard: shard, cutoffNanos: now)
                default: OwnedShard(shard: shard)
                }
            }
            worker.update(shards: Array(shards.dropFirst()))
            #expect(worker.verify().isEmpty)
            worker.update(shards: shards)
            worker.apply(
                AggregatorRuntimeOptions(
                    valuesPerMetricLimitPerSecond: max(Int64.random(in: -7...3, using: &random), 0),
                    newMetricLimitPerShardPerSecond: max(Int64.random(in: -7...3, using: &random), 0)))
        }
    }

    @Test func misroutedMetricsAreHandedBack() throws {
        let workers = Simulation(Self.options, workers: 2).workers
        let metadata = try MetadataText.staged("Sum")
        let payloads = (0..<50).map { Payload.counter("id\($0)", 1, metadata) } + [[0xff]]
        let misrouted = Simulation.ingest(payloads, into: workers[0], now: Self.start)
        let expected = (0..<50).filter { Murmur3.hash32(Array("id\($0)".utf8)) % 8 % 2 == 1 }
        #expect(misrouted == expected.map { Int32($0) })
        #expect(workers[0].counters.misrouted == UInt64(expected.count))
        #expect(workers[0].counters.received == UInt64(50 - expected.count))
        #expect(workers[0].counters.bad.values.reduce(0, +) == 1)
        let again = Simulation.ingest(misrouted.map { payloads[Int($0)] }, into: workers[1], now: Self.start)
        #expect(again.isEmpty)
        for worker in workers { #expect(worker.counters.verify(openValues: worker.openValues).isEmpty) }
    }

    @Test func refusedShardsAreCountedByName() throws {
        let worker = AggregationWorker(options: Self.options, ownedShards: [])
        let bytes = Payload.timer("t", [1, 2, 3], try MetadataText.staged("Sum"))
        worker.refuse(bytes.span.bytes, payloads: [.all(of: bytes.span.bytes)])
        #expect(worker.counters.unrouted[.shardNotOwned] == 3)
        #expect(worker.counters.verify(openValues: 0).isEmpty)
    }

    /// Series that come and go leave nothing behind: neither series, elements, ids nor rollup targets.
    @Test func churnDoesNotGrow() throws {
        let simulation = Simulation(Self.options)
        let worker = simulation.workers[0]
        var now = Self.start
        var bytes: [Int] = []
        for generation in 0..<12 {
            for index in 0..<3_000 {
                let name = "generation\(generation % 2)-\(index)-\(String(repeating: "x", count: index % 90))"
                let pipeline = index % 3 == 0 ? "Sum do r\(generation % 2)-\(index)(Sum)" : "Sum,Max | Min"
                simulation.ingest(Payload.counter(name, 1, try MetadataText.staged(pipeline)), now: now)
            }
            #expect(worker.liveSeries >= 3_000)
            bytes.append(worker.memoryBytes)
            for _ in 0..<130 {
                now += Self.second
                simulation.flushDue(now: now)
                simulation.tick(now: now)
            }
            #expect(worker.liveSeries == 0)
            #expect(worker.liveElements == 0)
        }
        // Two generations take turns: the second time that one comes, all its memory is there.
        #expect(bytes.dropFirst(6).max() == bytes[2..<6].max(), "\(bytes)")
        #expect(worker.metadatas.count <= 16_384)
        // Those of metadata that is kept for a while are kept too.
        #expect(worker.targets.count <= worker.metadatas.count + 1)
        #expect(simulation.total(\.seriesExpired) == simulation.total(\.seriesCreated))
        #expect(simulation.failures.isEmpty && simulation.drops.isEmpty)
    }

    @Test func rollupTargetsAreForgottenWithTheirMetadata() throws {
        var options = Self.options
        options.entryTTLNanos = Self.second
        let simulation = Simulation(options)
        simulation.loopsBack = false
        var now = Self.start
        for index in 0..<20_000 {
            let metadata = try MetadataText.staged("Sum do r\(index)(Sum)")
            simulation.ingest(Payload.counter("c\(index % 100)", 1, metadata), now: now)
            if index % 2_000 == 0 {
                now += 11 * Self.second
                simulation.flushDue(now: now)
                simulation.tick(now: now)
            }
        }
        now += 20 * Self.second
        simulation.flushDue(now: now)
        simulation.tick(now: now)
        #expect(simulation.workers[0].targets.count < 17_000)
        // One more stands for no rollup.
        #expect(simulation.workers[0].targets.count == simulation.workers[0].metadatas.count + 1)
        #expect(simulation.total(\.forwarded) == 20_000)
    }

    @Test func shutDownPublishesWhatIsOverAndCountsTheRest() throws {
        let simulation = Simulation(Self.options)
        let metadata = try MetadataText.staged("Sum")
        simulation.ingest(Payload.counter("c", 5, metadata), now: Self.start)
        simulation.ingest(Payload.counter("c", 7, metadata), now: Self.start + 12 * Self.second)
        simulation.ingest(Payload.timed(.gauge, "g", 3, at: Self.start, metadata), now: Self.start + Self.second)
        simulation.shutDown(now: Self.start + 13 * Self.second)
        #expect(simulation.published.map(\.name).sorted() == ["c", "g"])
        #expect(simulation.published.allSatisfy { $0.timeNanos == Self.start + 10 * Self.second })
        #expect(simulation.workers[0].counters.discarded[.shutDown] == 1)
        simulation.ingest(Payload.counter("d", 1, metadata), now: Self.start + 14 * Self.second)
        #expect(simulation.drops == [.shutDown: 1])
        #expect(simulation.failures.isEmpty)
    }

    /// Values that a shutdown forwards reach their rollup before it shuts down as well.
    @Test func endedWindowsOfRollupsAreForwardedAndPublished() throws {
        let simulation = Simulation(Self.options)
        let metadata = try MetadataText.staged("Sum do r(Sum)")
        simulation.ingest(Payload.counter("a", 5, metadata), now: Self.start)
        simulation.ingest(Payload.counter("b", 6, metadata), now: Self.start)
        let now = Self.start + 11 * Self.second
        simulation.flushEnded(now: now)
        simulation.shutDown(now: now)
        #expect(simulation.published.map(\.name) == ["r"])
        #expect(simulation.published.map(\.value) == [11])
        #expect(simulation.openValues == 0)
        #expect(simulation.workers[0].counters.discarded.total == 0)
        #expect(simulation.failures.isEmpty)
    }

    @Test func theFirstWindowIsCountedAsPartial() throws {
        let simulation = try Script.run(
            """
            1005 counter c 1
            1010 flush
            -> c @1010 = 1
            1011 counter c 1
            1020 flush
            -> c @1020 = 1
            """)
        #expect(simulation.total(\.partialWindowsConsumed) == 1)
        #expect(simulation.total(\.windowsConsumed) == 2)
    }
}
