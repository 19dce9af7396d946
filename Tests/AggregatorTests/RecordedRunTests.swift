import Aggregation
import Foundation
import Metrics
import TestKit
import Testing
import WireFormat

@testable import Aggregator

/// A recorded run of Prometheus, M3's coordinator and M3's aggregator: from the same input the same must come out.
@Suite struct RecordedRunTests {
    private struct Key: Hashable {
        var id: [UInt8]
        var timeNanos: Int64
        var policy: String
    }

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
        let lines = try Fixtures.vectors("streams/prometheus-aggregated.jsonl.gz")
        #expect(lines.count == 1_279)
        // A series that two rules keep has two elements, which publish under one id: lists of values are compared.
        var theirs: [Key: [Double]] = [:]
        for line in lines {
            let payload = try #require((line["hex"] as? String).flatMap(Self.bytes))
            let view = try AggregatedMetricReader.read(payload.span.bytes, in: .all(of: payload.span.bytes))
            let key = Key(
                id: view.id.array(from: payload.span.bytes), timeNanos: view.timeNanos,
                policy: view.storagePolicy.description)
            theirs[key, default: []].append(view.value)
        }
        // The recording ends at an arbitrary phase of M3's flushes: what ends late may be missing there.
        let bound = try #require(theirs.keys.map(\.timeNanos).max()) - 2 * 10_000_000_000
        var ours: [Key: [Double]] = [:]
        for one in simulation.published {
            let key = Key(id: one.id, timeNanos: one.timeNanos, policy: one.policy.description)
            ours[key, default: []].append(one.value)
        }
        let expected = theirs.filter { $0.key.timeNanos <= bound }
        #expect(expected.count == 703)
        #expect(expected.values.reduce(0) { $0 + $1.count } == 1_061)
        let missing = expected.keys.filter { ours[$0] == nil }
        #expect(missing.isEmpty, "missing: \(describe(missing))")
        let surplus = ours.keys.filter { $0.timeNanos <= bound && theirs[$0] == nil }
        #expect(surplus.isEmpty, "surplus: \(describe(surplus))")
        for (key, values) in expected {
            guard let own = ours[key] else { continue }
            // Sums over several sources may have been added in another order.
            let isRollup = String(decoding: key.id, as: UTF8.self).contains("__rollup__")
            let isEqual =
                own.count == values.count
                && zip(own.sorted(), values.sorted()).allSatisfy { own, value in
                    abs(own - value) <= (isRollup && value != value.rounded() ? abs(value) * 1e-12 : 0)
                }
            #expect(isEqual, "\(describe([key])): \(own), recorded \(values)")
        }
    }

    private func describe(_ keys: [Key]) -> String {
        "\(keys.count): "
            + keys.prefix(5).map { "\(String(decoding: $0.id, as: UTF8.self)) @\($0.timeNanos) \($0.policy)" }
            .joined(separator: ", ")
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
            bytes += try #require((line["hex"] as? String).flatMap(Self.bytes))
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

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case 0x30...0x39: digit - 0x30
            case 0x61...0x66: digit - 0x57
            default: nil
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for i in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[i]), let low = value(digits[i + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
