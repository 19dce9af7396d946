import AggregatorExamples
import Metrics
import Testing

@testable import Aggregator

@Suite struct FlushScheduleTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_700_000_000 * second

    private func bucket(
        _ kind: ListKind, _ options: AggregatorOptions, forwards: Int32 = 0, resolution: Int64 = 10,
        random: UInt64 = 0, now: Int64 = start + 3_500_000_000
    ) -> FlushBucket {
        FlushBucket(
            BucketKey(kind: kind, resolutionNanos: resolution * Self.second, numForwardedTimes: forwards),
            options: options, random: random, now: now)
    }

    private func phase(_ bucket: FlushBucket, resolution: Int64 = 10) -> Int64 {
        (bucket.nextFlushNanos - Self.start) % (resolution * Self.second)
    }

    @Test func listsWithoutJitterFlushAtThePhaseOfTheirCreation() {
        var options = AggregatorOptions()
        options.jitter = .off
        #expect(phase(bucket(.standard, options)) == 3_500_000_000)
        options.timedMetricsFlushOffsetEnabled = false
        #expect(phase(bucket(.timed, options)) == 3_500_000_000)
    }

    @Test func jitterSpreadsListsOverItsRange() {
        var options = AggregatorOptions()
        options.jitter = .upTo(Self.second)
        var phases: Set<Int64> = []
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 { phases.insert(phase(bucket(.standard, options, random: random.next()))) }
        #expect(phases.allSatisfy { (0..<Self.second).contains($0) })
        #expect(phases.count > 150)
    }

    @Test func timedListsFlushWhenTheirBufferHasPassed() {
        var options = AggregatorOptions()
        options.bufferForPastTimedMetricsNanos = 13 * Self.second
        #expect(phase(bucket(.timed, options)) == 3 * Self.second)
    }

    @Test func forwardedListsFlushWhenTheirDelayHasPassed() {
        var options = AggregatorOptions()
        options.forwardingDelay = .constant(14 * Self.second)
        #expect(phase(bucket(.forwarded, options, forwards: 1)) == 4 * Self.second)
        options.forwardingDelay = .perStage(7 * Self.second)
        options.jitter = .upTo(2 * Self.second)
        #expect(phase(bucket(.forwarded, options, forwards: 2)) == 6 * Self.second)
    }

    @Test func advancesPastNowByWholeResolutions() {
        var options = AggregatorOptions()
        options.jitter = .off
        var bucket = bucket(.standard, options)
        let first = bucket.nextFlushNanos
        bucket.advance(beyond: first - 1)
        #expect(bucket.nextFlushNanos == first)
        bucket.advance(beyond: first)
        #expect(bucket.nextFlushNanos == first + 10 * Self.second)
        bucket.advance(beyond: first + 95 * Self.second)
        #expect(bucket.nextFlushNanos == first + 100 * Self.second)
        bucket.advance(beyond: .max)
        #expect(bucket.nextFlushNanos > Self.start)
    }

    /// Windows end at their bound; forwarded ones at an instant later, as in M3.
    @Test func boundsOfTheWindowsThatAreReady() {
        var options = AggregatorOptions()
        options.bufferForPastTimedMetricsNanos = 15 * Self.second
        options.forwardingDelay = .constant(20 * Self.second)
        let now = Self.start + 60 * Self.second
        func isReady(_ kind: ListKind, _ window: Int64, forwards: Int32 = 0, at now: Int64) -> Bool {
            let bucket = bucket(kind, options, forwards: forwards)
            return Self.start + window * Self.second < bucket.windowBound(target: bucket.target(now: now))
        }
        #expect(isReady(.standard, 50, at: now))
        #expect(!isReady(.standard, 50, at: now - 1))
        #expect(isReady(.timed, 25, at: now))
        #expect(!isReady(.timed, 25, at: now - 1))
        #expect(!isReady(.forwarded, 30, forwards: 1, at: now))
        #expect(isReady(.forwarded, 30, forwards: 1, at: now + 1))
        #expect(isReady(.forwarded, 20, forwards: 2, at: now + 1))
        #expect(!isReady(.forwarded, 30, forwards: 2, at: now + 1))
    }

    @Test func farTimesDoNotTrap() {
        for now in [Int64.min, .min + 1, -1, 0, .max - 1, .max] {
            for kind in ListKind.allCases {
                var bucket = bucket(kind, AggregatorOptions(), forwards: 1, now: now)
                _ = bucket.windowBound(target: bucket.target(now: now))
                _ = bucket.windowBound(target: bucket.endedTarget(now: now))
                bucket.advance(beyond: now)
            }
        }
    }

    @Test func theNextFlushIsTheEarliestOfAllLists() throws {
        let simulation = Simulation(Script.options)
        let worker = simulation.workers[0]
        #expect(worker.nextFlushNanos(now: Self.start) == .max)
        let metadata = try MetadataText.staged("Sum on 1s:2d,10s:2d")
        simulation.ingest(Payload.counter("c", 1, metadata), now: Self.start + 200_000_000)
        #expect(worker.nextFlushNanos(now: Self.start) == Self.start + 200_000_000)
        simulation.flushDue(now: Self.start + 200_000_000)
        simulation.flushDue(now: Self.start + 1_100_000_000)
        #expect(simulation.published.isEmpty)
        #expect(worker.nextFlushNanos(now: Self.start) == Self.start + 1_200_000_000)
        simulation.flushDue(now: Self.start + 1_200_000_000)
        #expect(simulation.published.map(\.timeNanos) == [Self.start + Self.second])
    }

    // MARK: Jitter

    @Test func theFirstStepThatIsLongEnoughDecidesTheJitter() {
        let jitter = FlushJitter(
            isEnabled: true,
            steps: [
                FlushJitter.Step(flushIntervalNanos: 60 * Self.second, maxShare: 0.5),
                FlushJitter.Step(flushIntervalNanos: 5 * Self.second, maxShare: 1),
                FlushJitter.Step(flushIntervalNanos: 3_600 * Self.second, maxShare: 0.25),
            ])
        #expect(jitter.maxNanos(resolutionNanos: 5 * Self.second) == 5 * Self.second)
        #expect(jitter.maxNanos(resolutionNanos: 10 * Self.second) == 5 * Self.second)
        #expect(jitter.maxNanos(resolutionNanos: 60 * Self.second) == 30 * Self.second)
        #expect(jitter.maxNanos(resolutionNanos: 1_800 * Self.second) == 450 * Self.second)
        #expect(jitter.maxNanos(resolutionNanos: 7_200 * Self.second) == 1_800 * Self.second)
    }

    @Test func jitterIsCappedAndMayBeOff() {
        #expect(FlushJitter.upTo(Self.second).maxNanos(resolutionNanos: 60 * Self.second) == Self.second)
        #expect(FlushJitter.upTo(Self.second).maxNanos(resolutionNanos: Self.second) == Self.second / 2)
        #expect(FlushJitter.upTo(-1).maxNanos(resolutionNanos: Self.second) == 0)
        #expect(FlushJitter.off.maxNanos(resolutionNanos: Self.second) == 0)
        #expect(FlushJitter(isEnabled: true, steps: []).maxNanos(resolutionNanos: Self.second) == 0)
        let odd = FlushJitter(
            isEnabled: true, steps: [FlushJitter.Step(flushIntervalNanos: .max, maxShare: .nan)])
        #expect(odd.maxNanos(resolutionNanos: .max) == 0)
        #expect(FlushJitter.upTo(.max).maxNanos(resolutionNanos: .max) > 0)
    }
}
