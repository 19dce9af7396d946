import Aggregation
import AggregatorExamples
import Metrics
import Testing
import WireFormat

@testable import Aggregator

/// Quantiles whose method the metadata names, and those of rollups.
@Suite struct QuantileMethodTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_700_000_000 * second

    private static var options: AggregatorOptions {
        var options = Script.options
        options.numShards = 8
        options.numAggregatedShards = 8
        return options
    }

    private func metadata(_ text: String, _ method: QuantileMethod?) throws -> [StagedMetadata] {
        var stages = try MetadataText.staged(text)
        for stage in stages.indices {
            for pipeline in stages[stage].pipelines.indices {
                stages[stage].pipelines[pipeline].quantileMethod = method
            }
        }
        return stages
    }

    /// The mean spreads widely: within M3's rank error values differ much.
    private func values(_ count: Int, _ random: inout SeededGenerator) -> [Double] {
        (0..<count).map { _ in 1 / (1.0001 - Double.random(in: 0..<1, using: &random)) }
    }

    private func quantile(_ q: Double, _ values: [Double]) -> Double {
        values.sorted()[max(Int((q * Double(values.count)).rounded(.up)) - 1, 0)]
    }

    @Test(arguments: [nil, .ddsketch, .m3] as [QuantileMethod?]) func theMethodTravels(method: QuantileMethod?) throws {
        let staged = try metadata("P99 on 10s:2d do r(P99) | Sum", method)
        let bytes = MetadataCodec.encode(staged)
        #expect(try MetadataCodec.stagedMetadatas(bytes.span.bytes, in: .all(of: bytes.span.bytes)) == staged)
        let forward = ForwardMetadata(
            aggregationID: AggregationID([.p99]), storagePolicy: Script.defaultPolicy, pipeline: AppliedPipeline(),
            sourceID: 3, numForwardedTimes: 1, quantileMethod: method)
        let encoded = MetadataCodec.encode(forward)
        #expect(try MetadataCodec.forwardMetadata(encoded.span.bytes, in: .all(of: encoded.span.bytes)) == forward)
        if method != nil {
            // A method of a later version leaves the choice to the aggregator.
            let unknown = Array(encoded.dropLast()) + [9]
            let read = try MetadataCodec.forwardMetadata(unknown.span.bytes, in: .all(of: unknown.span.bytes))
            #expect(read.quantileMethod == nil)
            #expect(encoded.count == MetadataCodec.encode(forward.withoutMethod).count + 2)
        }
    }

    @Test func aRuleChoosesForItself() throws {
        for (estimator, method) in [
            (QuantileEstimator.m3Default, QuantileMethod.ddsketch), (.standard, .m3), (.m3Default, .m3),
            (.standard, .ddsketch),
        ] {
            var options = Self.options
            options.quantileEstimator = estimator
            var random = SeededGenerator(seed: 5)
            let values = values(20_000, &random)
            let simulation = Simulation(options)
            simulation.ingest(Payload.timer("t", values, try metadata("P99", method)), now: Self.start)
            simulation.flushAll(now: Self.start + 10 * Self.second)
            let result = try #require(simulation.published.first?.value)
            let stream = try CMStream(quantiles: [0.99], eps: 1e-3, insertAndCompressEvery: 1_024)
            stream.addBatch(values)
            if method == .m3 {
                #expect(result == stream.quantile(0.99))
            } else {
                let exact = quantile(0.99, values)
                #expect(abs(result - exact) <= 0.005 * exact)
                #expect(result != stream.quantile(0.99))
            }
        }
    }

    /// Over two stages, from several shards, some timers with few values and some with many.
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func theQuantileOfARollupIsThatOfAllValues(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let simulation = Simulation(Self.options, workers: 2)
        let metadata = try metadata("P99 do r(P50,P99) q(Min,P90,P99,Max)", .ddsketch)
        var all: [Double] = []
        for timer in 0..<30 {
            for _ in 0..<3 {
                let batch = values(Int.random(in: 1...(timer < 3 ? 4_000 : 40), using: &random), &random)
                all += batch
                simulation.ingest(Payload.timer("t\(timer)", batch, metadata), now: Self.start)
            }
        }
        for second in 10...200 as ClosedRange<Int64> { simulation.flushAll(now: Self.start + second * Self.second) }
        #expect(simulation.failures.isEmpty && simulation.drops.isEmpty)
        let names = ["q.lower", "q.upper", "q.p90", "q.p99"]
        #expect(simulation.published.map(\.name).sorted() == names.sorted())
        for published in simulation.published {
            switch published.name {
            case "q.lower": #expect(published.value == all.min())
            case "q.upper": #expect(published.value == all.max())
            case "q.p90": #expect(abs(published.value / quantile(0.9, all) - 1) <= 0.0050001)
            default: #expect(abs(published.value / quantile(0.99, all) - 1) <= 0.0050001)
            }
        }
    }

    /// Without the method, the quantile of the quantiles, as in M3.
    @Test func withoutItOnlyTheValuesOfTheTypesAreForwarded() throws {
        let simulation = Simulation(Self.options)
        let metadata = try metadata("P99 do r(Max,Count)", nil)
        for (index, values) in [[1.0, 2, 3, 4], [10, 20, 30, 40], [7, 7, 7, 7]].enumerated() {
            simulation.ingest(Payload.timer("t\(index)", values, metadata), now: Self.start)
        }
        simulation.flushAll(now: Self.start + 10 * Self.second)
        #expect(simulation.forwarded.flatMap(\.values).sorted() == [4, 7, 40])
        #expect(simulation.forwarded.allSatisfy { $0.payload.count < 200 })
    }

    @Test func aDamagedSketchIsRefused() throws {
        let worker = AggregationWorker(options: Self.options, ownedShards: Array(0..<8))
        var forward = ByteWriter(capacity: 64)
        MetadataCodec.append(
            ForwardMetadata(
                aggregationID: AggregationID([.p99]), storagePolicy: Script.defaultPolicy,
                pipeline: AppliedPipeline(), sourceID: 3, numForwardedTimes: 1, quantileMethod: .ddsketch),
            to: &forward)
        var sketch = DDSketch()
        sketch.add(5)
        for (bytes, isTaken) in [(Array(sketch.encoded().dropLast()), false), (sketch.encoded(), true)] {
            var metadata = ByteWriter(capacity: 64)
            forward.withUnsafeBytes { metadata.append(contentsOf: $0) }
            ForwardMetadataSource.append(sketch: bytes, to: &metadata)
            let contents = metadata.array()
            var message = ByteWriter(capacity: 128)
            let id = Array("r".utf8)
            let values: [Double] = [5]
            MetricWriter.appendForwarded(
                type: .timer, id: id.span.bytes, timeNanos: Self.start, values: values.span,
                metadata: contents.span.bytes, to: &message)
            let before = worker.counters.applied
            Simulation.ingest([message.array()], into: worker, now: Self.start)
            #expect(worker.counters.applied - before == (isTaken ? 1 : 0))
            #expect(worker.counters.rejected[.badSketch] == 1)
            #expect(worker.verify().isEmpty)
        }
    }
}

extension ForwardMetadata {
    fileprivate var withoutMethod: ForwardMetadata {
        var copy = self
        copy.quantileMethod = nil
        return copy
    }
}
