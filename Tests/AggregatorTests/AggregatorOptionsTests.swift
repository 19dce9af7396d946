import Aggregation
import AggregatorExamples
import Metrics
import Testing

@testable import Aggregator

@Suite struct AggregatorOptionsTests {
    private static let second: Int64 = 1_000_000_000

    private func error(
        rollups: [Int64] = [], _ change: (inout AggregatorOptions) -> Void
    ) -> AggregatorOptionsError? {
        var options = AggregatorOptions()
        change(&options)
        do {
            try options.validate(rollupResolutionsNanos: rollups)
            return nil
        } catch { return error }
    }

    @Test func theDefaultsAreValidForRollups() {
        #expect(error(rollups: [Self.second, 10 * Self.second, 3_600 * Self.second]) { _ in } == nil)
    }

    @Test func fieldsOutOfRangeAreNamedWithTheirValue() {
        func check(_ field: String, _ value: String, _ change: (inout AggregatorOptions) -> Void) {
            let text = error(change)?.description ?? "none"
            #expect(text.hasPrefix("\(field) is \(value): it must be"), "\(text)")
        }
        check("numShards", "0") { $0.numShards = 0 }
        check("numShards", "65537") { $0.numShards = 65_537 }
        check("numAggregatedShards", "0") { $0.numAggregatedShards = 0 }
        check("bufferForPastTimedMetrics", "-1") { $0.bufferForPastTimedMetricsNanos = -1 }
        check("bufferForFutureTimedMetrics", "\(Int64.max)") { $0.bufferForFutureTimedMetricsNanos = .max }
        check("entryTTL", "0") { $0.entryTTLNanos = 0 }
        check("flushCheck", "0") { $0.flushCheckNanos = 0 }
        check("maxForwardingDelay", "-5") { $0.forwardingDelay = .perStage(-5) }
        check("jitter.maxShare", "1.5") {
            $0.jitter = FlushJitter(
                isEnabled: true, steps: [FlushJitter.Step(flushIntervalNanos: .max, maxShare: 1.5)])
        }
        check("maxIDBytes", "65001") { $0.limits.maxIDBytes = 65_001 }
        check("maxSeriesPerWorker", "0") { $0.limits.maxSeriesPerWorker = 0 }
        check("maxElementsPerSeries", "5000") { $0.limits.maxElementsPerSeries = 5_000 }
        check("maxOpenWindows", "1") { $0.limits.maxOpenWindows = 1 }
        check("maxMetadatas", "0") { $0.limits.maxMetadatas = 0 }
        check("maxMetadataBytes", "0") { $0.limits.maxMetadataBytes = 0 }
        check("maxFlushBuckets", "0") { $0.limits.maxFlushBuckets = 0 }
        check("maxShapes", "0") { $0.limits.maxShapes = 0 }
        check("maxAnnotations", "-1") { $0.limits.maxAnnotations = -1 }
        check("maxAnnotationBytes", "-1") { $0.limits.maxAnnotationBytes = -1 }
        check("maxForwardedTimes", "0") { $0.limits.maxForwardedTimes = 0 }
        check("maxForwardedMessageBytes", "1023") { $0.limits.maxForwardedMessageBytes = 1_023 }
    }

    @Test func impossibleTypesAndEstimatorsAreNamed() {
        #expect(
            error { $0.defaultGaugeTypes = [.last, .p99] }?.description
                == "default aggregation types of gauge: [\"P99\"] are not possible for this metric type")
        let text = error { $0.quantileEstimator = .exactThenDDSketch(limit: 0) }?.description ?? ""
        #expect(text.hasPrefix("quantileEstimator: exact limit is 0"))
    }

    /// C ≥ B + J(r) + 2 s for every resolution with rollups; without a fixed flush offset J is a whole resolution.
    @Test func rollupsNeedTimeToArrive() {
        func delay(_ seconds: Int64, _ resolution: Int64, offset: Bool = true) -> AggregatorOptionsError? {
            error(rollups: [resolution * Self.second]) {
                $0.bufferForPastTimedMetricsNanos = 15 * Self.second
                $0.jitter = .upTo(Self.second)
                $0.timedMetricsFlushOffsetEnabled = offset
                $0.forwardingDelay = .constant(seconds * Self.second)
            }
        }
        #expect(delay(18, 10) == nil)
        #expect(
            delay(17, 10)
                == .forwardingDelayTooShort(
                    delayNanos: 17 * Self.second, bufferNanos: 15 * Self.second, jitterNanos: Self.second,
                    resolutionNanos: 10 * Self.second, neededNanos: 18 * Self.second))
        #expect(delay(27, 10, offset: false) == nil)
        #expect(delay(26, 10, offset: false) != nil)
        let text = delay(17, 10)?.description ?? ""
        for part in ["C is 17.0 s", "at least 18.0 s", "B 15.0 s", "J 1.0 s", "resolution 10.0 s"] {
            #expect(text.contains(part), "\(text)")
        }
        #expect(error(rollups: [0]) { _ in } != nil)
    }

    @Test func delaysOfForwardedValues() {
        var options = AggregatorOptions()
        options.forwardingDelay = .constant(20)
        #expect(options.forwardingDelayNanos(resolutionNanos: 10, numForwardedTimes: 3) == 50)
        options.forwardingDelay = .perStage(20)
        options.jitter = .off
        #expect(options.forwardingDelayNanos(resolutionNanos: 10, numForwardedTimes: 3) == 70)
        options.jitter = .upTo(4)
        #expect(options.forwardingDelayNanos(resolutionNanos: 10, numForwardedTimes: 3) == 64)
        options.forwardingDelay = .perStage(.max)
        #expect(options.forwardingDelayNanos(resolutionNanos: .max, numForwardedTimes: .max) == .max)
    }

    // MARK: Limits on input

    @Test func limitsRefuseByName() throws {
        func drops(_ change: (inout AggregatorLimits) -> Void, _ lines: String) throws -> [DropReason: UInt64] {
            var options = Script.options
            change(&options.limits)
            let simulation = Simulation(options)
            for (index, text) in lines.split(separator: "\n").enumerated() {
                let metadata = try MetadataText.staged(String(text))
                simulation.ingest(Payload.counter("series\(index)", 1, metadata), now: 1_000 * Self.second)
            }
            #expect(simulation.failures.isEmpty)
            return simulation.drops
        }
        #expect(try drops({ $0.maxIDBytes = 6 }, "Sum") == [.idTooLong: 1])
        #expect(try drops({ $0.maxSeriesPerWorker = 2 }, "Sum\nSum\nSum") == [.seriesLimit: 1])
        #expect(try drops({ $0.maxElementsPerSeries = 2 }, "Sum | Max\nSum | Max | Min") == [.elementLimit: 1])
        #expect(try drops({ $0.maxMetadatas = 1 }, "Sum\nMax") == [.metadataLimit: 1])
        #expect(try drops({ $0.maxMetadataBytes = 20 }, "Sum on 1s:2d,10s:2d") == [.metadataTooLong: 1])
        #expect(try drops({ $0.maxFlushBuckets = 1 }, "Sum on 1s:2d\nSum on 2s:2d") == [.flushBucketLimit: 1])
        #expect(try drops({ $0.maxShapes = 2 }, "Sum\nMax\nMin\nSum") == [.shapeLimit: 1])
    }

    @Test func tooManyOpenWindowsAreRefusedByName() throws {
        var options = Script.options
        options.limits.maxOpenWindows = 3
        options.bufferForFutureTimedMetricsNanos = 600 * Self.second
        try Script.run(
            options,
            """
            1000 timed gauge g 1 at 1000 : Last
            1000 timed gauge g 1 at 1010 : Last
            1000 timed gauge g 1 at 1020 : Last
            1000 timed gauge g 2 at 1030 : Last
            !! window_limit
            1000 timed gauge h 2 at 1020 : Last
            1200 flush
            -> g @1010 = 1
            -> g @1020 = 1
            -> g @1030 = 1
            -> h @1030 = 2
            """)
    }

    @Test func annotationsThatAreTooLongAreLeftOut() throws {
        var options = Script.options
        options.limits.maxAnnotationBytes = 3
        let simulation = try Script.run(
            options,
            """
            1000 gauge g 1 ~abcd
            1010 flush
            -> g @1010 = 1
            """)
        #expect(simulation.total(\.annotationsDropped) == 1)
    }

    @Test func sourcesOutsideOfTheShardsAreRefused() throws {
        try Script.run(
            """
            1011 forwarded gauge r 1 at 1010 from 63 stage 1 : Sum
            1011 forwarded gauge r 1 at 1010 from 64 stage 1 : Sum
            !! source_out_of_range
            1011 forwarded gauge r 1 at 1010 from 1 stage 0 : Sum
            !! invalid_forward_count
            1011 forwarded gauge r 1 at 1010 from 1 stage 17 : Sum
            !! invalid_forward_count
            1100 flush
            -> r @1010 = 1
            """)
    }
}
