import AggregatorExamples
import Metrics
import Testing
import WireFormat

@testable import Aggregator

/// What becomes of windows and elements when the metadata of a series changes.
@Suite struct MetadataChangeTests {
    private static let second: Int64 = 1_000_000_000

    private func staged(_ text: String, routing: UInt64) throws -> [StagedMetadata] {
        var stages = try MetadataText.staged(text)
        for stage in stages.indices {
            for pipeline in stages[stage].pipelines.indices {
                stages[stage].pipelines[pipeline].routingTrafficTypes = routing
            }
        }
        return stages
    }

    /// As in worked example 48, but for resending: routing is no part of the key, and the last one counts.
    @Test func aNewRoutingKeepsTheElement() throws {
        let simulation = Simulation(Script.options)
        for (value, routing) in [(1, 0), (2, 6), (4, 3)] as [(Int64, UInt64)] {
            simulation.ingest(
                Payload.counter("a", value, try staged("Sum", routing: routing)), now: 1_001 * Self.second)
        }
        #expect(simulation.workers[0].liveElements == 1)
        simulation.flushAll(now: 1_010 * Self.second)
        #expect(simulation.published.map(\.value) == [7])
        #expect(simulation.published.map(\.routingTrafficTypes) == [3])
        #expect(simulation.failures.isEmpty)
    }

    /// A receiver takes one message from each shard for a rollup and window, so that one has to hold all values: also
    /// those of elements with other aggregations, transformations or routing before the rollup.
    @Test func differentElementsOfOneRollupShareItsMessage() throws {
        var options = Script.options
        options.numShards = 1
        let simulation = Simulation(options)
        let inputs: [(String, String, UInt64)] = [
            ("a", "Sum do r(Sum)", 0), ("b", "Max do r(Sum)", 0), ("c", "Sum do Absolute r(Sum)", 0),
            ("d", "Sum do r(Sum)", 5),
        ]
        for (index, (id, text, routing)) in inputs.enumerated() {
            simulation.ingest(
                Payload.counter(id, Int64(1 << index), try staged(text, routing: routing)), now: 1_000 * Self.second)
        }
        simulation.flushAll(now: 1_010 * Self.second)
        #expect(simulation.forwarded.map { $0.values.sorted() } == [[1, 2, 4, 8]])
        simulation.flushAll(now: 1_081 * Self.second)
        #expect(simulation.published.map(\.value) == [15])
        #expect(simulation.total(\.duplicates) == 0)
        #expect(simulation.failures.isEmpty)
    }

    /// Values that are forwarded in the same flush in which their element goes are not lost.
    @Test func theLastWindowOfAnExpiredElementIsForwarded() throws {
        var options = Script.options
        options.entryTTLNanos = Self.second
        let simulation = Simulation(options)
        simulation.loopsBack = false
        simulation.ingest(Payload.counter("a", 3, try MetadataText.staged("Sum do r(Sum)")), now: 1_000 * Self.second)
        simulation.tick(now: 1_005 * Self.second)
        #expect(simulation.liveSeries == 0)
        simulation.flushAll(now: 1_010 * Self.second)
        #expect(simulation.forwarded.map(\.values) == [[3]])
        #expect(simulation.workers[0].liveElements == 0)
        #expect(simulation.workers[0].columns.numbers.isEmpty)
        #expect(simulation.failures.isEmpty)
    }

    /// Sources differ from message to message; the metadata of a rollup is decoded once all the same.
    @Test func sourcesShareTheMetadataOfTheirRollup() throws {
        let simulation = Simulation(Script.options)
        for source in 0..<60 as Range<UInt32> {
            let metadata = ForwardMetadata(
                aggregationID: AggregationID([.sum]), storagePolicy: Script.defaultPolicy, pipeline: AppliedPipeline(),
                sourceID: source, numForwardedTimes: 1)
            simulation.ingest(
                Payload.forwarded(.gauge, "r", [1], at: 1_010 * Self.second, metadata), now: 1_011 * Self.second)
        }
        #expect(simulation.workers[0].metadatas.count == 1)
        simulation.flushAll(now: 1_081 * Self.second)
        #expect(simulation.published.map(\.value) == [60])
    }

    /// Hostile or mistaken metadata meets limits; the shapes of the past make room when they are gone.
    @Test func shapesHaveALimitAndGoWithTheirSeries() throws {
        var options = Script.options
        options.limits.maxShapes = 3
        options.entryTTLNanos = Self.second
        let simulation = Simulation(options)
        for (index, types) in ["Sum", "Max", "Min", "Count"].enumerated() {
            simulation.ingest(Payload.counter("c\(index)", 1, try MetadataText.staged(types)), now: 1_000 * Self.second)
        }
        #expect(simulation.drops == [.shapeLimit: 1])
        #expect(simulation.liveSeries == 3)
        #expect(simulation.failures.isEmpty)
        simulation.tick(now: 1_005 * Self.second)
        simulation.flushAll(now: 1_010 * Self.second)
        #expect(simulation.workers[0].columns.numbers.isEmpty)
    }
}
