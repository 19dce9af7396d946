import Aggregation
import AggregatorExamples
import Foundation
import Metrics
import TestKit
import Testing
import WireFormat

@testable import Aggregator

/// A recorded run of Prometheus, M3's coordinator and M3's aggregator: from the same input the same must come out.
@Suite struct RecordedRunTests {
    private struct Arrival {
        var timeNanos: Int64
        var payloads: [[UInt8]]
    }

    @Test(arguments: [1, 3]) func publishesWhatM3Published(workers: Int) throws {
        let (arrivals, frames) = try Self.arrivals()
        #expect(frames == 5_983)
        let simulation = Simulation(Self.options, workers: workers)
        let first = try #require(arrivals.first).timeNanos
        let last = try #require(arrivals.last).timeNanos
        var flushAt = first
        for arrival in arrivals {
            while flushAt <= arrival.timeNanos {
                simulation.flushDue(now: flushAt)
                flushAt += 1_000_000_000
            }
            simulation.ingest(arrival.payloads, now: arrival.timeNanos)
        }
        // Until the rollups of the last input are out.
        while flushAt < last + 120_000_000_000 {
            simulation.flushDue(now: flushAt)
            flushAt += 1_000_000_000
        }

        #expect(simulation.failures.isEmpty, "\(simulation.failures)")
        #expect(simulation.workers.filter { !$0.counters.bad.isEmpty }.isEmpty)
        #expect(simulation.drops.isEmpty, "\(simulation.drops)")
        #expect(simulation.total(\.duplicates) == 0)
        #expect(simulation.total(\.decoded) == UInt64(frames) + simulation.total(\.forwardedMessages))
        #expect(simulation.openValues == 0)
        try compare(simulation)
    }

    private func compare(_ simulation: Simulation) throws {
        let recorded = try RecordedOutputs()
        #expect(recorded.outputs.count == 1_279)
        let differences = recorded.differences(
            from: simulation.published.map {
                RecordedOutputs.Output(
                    id: $0.id, timeNanos: $0.timeNanos, policy: $0.policy.description, value: $0.value)
            }, addsInAnyOrder: false)
        #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(10).joined(separator: "\n"))")
    }

    @Test func theComparisonSeesEveryDifference() throws {
        let recorded = try RecordedOutputs()
        func differences(_ change: (inout [RecordedOutputs.Output]) -> Void) -> Int {
            var outputs = recorded.outputs
            outputs.shuffle()
            change(&outputs)
            return recorded.differences(from: outputs, addsInAnyOrder: true).count
        }
        #expect(differences { _ in } == 0)
        #expect(differences { $0.removeLast() } == 1)
        #expect(differences { $0.append($0[0]) } == 1)
        #expect(differences { $0[0].policy = "1m:40d" } == 2)
        #expect(differences { $0[0].timeNanos -= 1 } == 2)
        #expect(differences { $0[0].id.append(0) } == 2)
        #expect(differences { $0[0].value += 1 } == 1)
        let gauge = try #require(
            recorded.outputs.firstIndex { !String(decoding: $0.id, as: UTF8.self).contains("__rollup__") })
        var outputs = recorded.outputs
        outputs[gauge].value = outputs[gauge].value.nextUp
        #expect(recorded.differences(from: outputs, addsInAnyOrder: true).count == 1)
        outputs = recorded.outputs
        outputs.append(outputs[0])
        outputs[outputs.count - 1].timeNanos = recorded.lastNanos + 1
        #expect(recorded.differences(from: outputs, addsInAnyOrder: false).isEmpty)
    }

    private static var options: AggregatorOptions {
        var options = AggregatorOptions()
        options.jitter = .off
        options.timedMetricsFlushOffsetEnabled = false
        options.bufferForPastTimedMetricsNanos = 10_000_000_000
        options.bufferForFutureTimedMetricsNanos = 600_000_000_000
        options.forwardingDelay = .constant(65_000_000_000)
        options.defaultStoragePolicies = [Script.defaultPolicy]
        options.quantileEstimator = .m3Default
        options.timerTypeString = .suffix
        return options
    }

    /// What the coordinator sent, frame by frame in the order of its arrival, and the number of frames.
    private static func arrivals() throws -> ([Arrival], Int) {
        let lines = try Fixtures.vectors("streams/prometheus-ingest.jsonl.gz")
        #expect(lines.count == 1_122)
        var pending: [Int: [UInt8]] = [:]
        var arrivals: [Arrival] = []
        var frames = 0
        for line in lines where line["dir"] as? String == "in" {
            let connection = try #require(line["conn"] as? Int)
            // Connections 1 to 4 are the aggregator's own, with what it forwarded.
            guard connection >= 5 else { continue }
            let time = try #require((line["t"] as? NSNumber)?.int64Value)
            var bytes = pending[connection] ?? []
            bytes += try #require((line["hex"] as? String).flatMap(Fixtures.bytes(hex:)))
            var offset = 0
            var payloads: [[UInt8]] = []
            while let frame = try M3MsgFrame.next(bytes.span.bytes, at: offset) {
                let message = try M3MsgFrame.readMessage(bytes.span.bytes, in: frame)
                payloads.append(message.value.array(from: bytes.span.bytes))
                offset = frame.end
            }
            pending[connection] = Array(bytes[offset...])
            frames += payloads.count
            arrivals.append(Arrival(timeNanos: time, payloads: payloads))
        }
        #expect(pending.values.allSatisfy { $0.isEmpty })
        return (arrivals, frames)
    }
}
