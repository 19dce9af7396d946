import Aggregation
import AggregatorExamples
import Foundation
import Metrics
import Testing

@testable import Aggregator

/// Random input against a naive evaluation: every value belongs to the window [start, end) that its time lies in, and
/// the window is published once, stamped with its end.
@Suite struct OracleTests {
    private struct Sample {
        var id: String
        var type: MetricType
        var timeNanos: Int64
        var value: Double
    }

    private struct Key: Hashable {
        var id: String
        var timeNanos: Int64
    }

    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_700_000_000 * second
    private static let types: [MetricType: String] = [
        .counter: "Min,Max,Mean,Count,Sum,SumSq,Stdev", .gauge: "Last,Min,Max,Mean,Count,Sum,SumSq,Stdev",
        .timer: "Min,Max,Mean,Count,Sum,SumSq,Stdev,Median,P90,P99",
    ]

    private static var options: AggregatorOptions {
        var options = AggregatorOptions()
        options.timerTypeString = .suffix
        options.gaugeTypeString = .suffix
        options.counterTypeString = .suffix
        options.defaultStoragePolicies = [Script.defaultPolicy]
        return options
    }

    /// Integers, so that sums are exact in any order; no two values of a gauge at one time.
    private static func samples(_ count: Int, _ random: inout SeededGenerator) -> [Sample] {
        var used: Set<Key> = []
        var samples: [Sample] = []
        while samples.count < count {
            let type = [MetricType.counter, .gauge, .timer][Int.random(in: 0..<3, using: &random)]
            let time = start + Int64.random(in: 0..<60 * second, using: &random) / 1_000_000 * 1_000_000
            let id = "\(type.name)\(Int.random(in: 0..<7, using: &random))"
            guard used.insert(Key(id: id, timeNanos: time)).inserted else { continue }
            samples.append(
                Sample(
                    id: id, type: type, timeNanos: time,
                    value: Double(Int.random(in: -1_000...1_000, using: &random))))
        }
        return samples.sorted { $0.timeNanos < $1.timeNanos }
    }

    private static func naive(_ samples: [Sample]) throws -> [Key: Double] {
        var windows: [Key: [Sample]] = [:]
        for sample in samples {
            // 10 s divide the epoch's distance from the year one, so that both alignments are one.
            let end = (sample.timeNanos / (10 * second) + 1) * 10 * second
            windows[Key(id: sample.id, timeNanos: end), default: []].append(sample)
        }
        var results: [Key: Double] = [:]
        for (key, samples) in windows {
            let values = samples.map(\.value)
            let n = Double(values.count)
            let sum = values.reduce(0, +)
            let squares = values.map { $0 * $0 }.reduce(0, +)
            let names = try AggregationType.list(parsing: try #require(types[samples[0].type]))
            for type in names {
                let value: Double
                switch type {
                case .last: value = try #require(samples.max { $0.timeNanos < $1.timeNanos }).value
                case .min: value = try #require(values.min())
                case .max: value = try #require(values.max())
                case .mean: value = sum / n
                case .count: value = n
                case .sum: value = sum
                case .sumSq: value = squares
                case .stdev: value = n < 2 ? 0 : ((n * squares - sum * sum) / (n * (n - 1))).squareRoot()
                default:
                    let rank = Int((try #require(type.quantile) * n).rounded(.up))
                    value = values.sorted()[min(max(rank, 1), values.count) - 1]
                }
                results[Key(id: "\(key.id).\(type.suffix)", timeNanos: key.timeNanos)] = value
            }
        }
        return results
    }

    private func check(_ simulation: Simulation, against expected: [Key: Double], _ seed: UInt64) {
        var published: [Key: Double] = [:]
        for one in simulation.published {
            let earlier = published.updateValue(one.value, forKey: Key(id: one.name, timeNanos: one.timeNanos))
            #expect(earlier == nil, "\(one.name) @\(one.timeNanos) twice, seed \(seed)")
        }
        #expect(Set(published.keys) == Set(expected.keys), "seed \(seed)")
        for (key, value) in expected {
            guard let own = published[key] else { continue }
            let isQuotient = key.id.hasSuffix(".mean") || key.id.hasSuffix(".stdev")
            let isQuantile = key.id.contains(".p9") || key.id.hasSuffix(".median")
            if isQuantile { continue }
            #expect(
                isQuotient ? abs(own - value) <= abs(value) * 1e-12 : own == value,
                "\(key.id) @\(key.timeNanos): \(own), naive \(value), seed \(seed)")
        }
        #expect(simulation.failures.isEmpty, "\(simulation.failures), seed \(seed)")
        #expect(simulation.drops.isEmpty, "\(simulation.drops), seed \(seed)")
    }

    /// Exact quantiles may be off by max(1, 0.001 n) ranks.
    private func checkQuantiles(_ simulation: Simulation, _ samples: [Sample], _ seed: UInt64) throws {
        var windows: [Key: [Double]] = [:]
        for sample in samples where sample.type == .timer {
            let end = (sample.timeNanos / (10 * Self.second) + 1) * 10 * Self.second
            windows[Key(id: sample.id, timeNanos: end), default: []].append(sample.value)
        }
        var checked = 0
        for one in simulation.published {
            let parts = one.name.split(separator: ".")
            guard let quantile = ["median": 0.5, "p90": 0.9, "p99": 0.99][String(parts[1])],
                let values = windows[Key(id: String(parts[0]), timeNanos: one.timeNanos)]?.sorted()
            else { continue }
            let rank = quantile * Double(values.count)
            let low = values[max(0, Int(rank.rounded(.down)) - 2)]
            let high = values[min(values.count - 1, Int(rank.rounded(.up)))]
            #expect((low...high).contains(one.value), "\(one.name) @\(one.timeNanos), seed \(seed)")
            checked += 1
        }
        #expect(checked == windows.count * 3)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64]) func untimedMetrics(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let samples = Self.samples(2_000, &random)
        let simulation = Simulation(Self.options, workers: 1 + Int(seed % 3))
        var flushAt = Self.start
        for sample in samples {
            while flushAt <= sample.timeNanos {
                simulation.flushDue(now: flushAt)
                flushAt += Int64.random(in: 50_000_000...1_500_000_000, using: &random)
            }
            let metadata = try MetadataText.staged(try #require(Self.types[sample.type]))
            let payload =
                switch sample.type {
                case .counter: Payload.counter(sample.id, Int64(sample.value), metadata)
                case .gauge: Payload.gauge(sample.id, sample.value, metadata)
                default: Payload.timer(sample.id, [sample.value], metadata)
                }
            simulation.ingest(payload, now: sample.timeNanos)
        }
        simulation.flushDue(now: Self.start + 75 * Self.second)
        check(simulation, against: try Self.naive(samples), seed)
        try checkQuantiles(simulation, samples, seed)
    }

    @Test(arguments: [11, 12, 13, 14, 15, 16] as [UInt64]) func timedMetrics(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let samples = Self.samples(2_000, &random)
        let simulation = Simulation(Self.options, workers: 1 + Int(seed % 3))
        try feed(samples, to: simulation, &random)
        check(simulation, against: try Self.naive(samples), seed)
        try checkQuantiles(simulation, samples, seed)
    }

    /// Any order within the lateness bound and any batches give the same sums, counts, minima and maxima.
    @Test(arguments: [21, 22, 23, 24] as [UInt64]) func orderAndBatchesDoNotMatter(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let samples = Self.samples(1_500, &random)
        var results: [[Key: Double]] = []
        for _ in 0..<4 {
            let simulation = Simulation(Self.options, workers: Int.random(in: 1...4, using: &random))
            try feed(samples, to: simulation, &random)
            #expect(simulation.failures.isEmpty && simulation.drops.isEmpty)
            results.append(
                Dictionary(
                    uniqueKeysWithValues: simulation.published.map {
                        (Key(id: $0.name, timeNanos: $0.timeNanos), $0.value)
                    }))
        }
        #expect(results.dropFirst().filter { $0 != results[0] }.isEmpty, "seed \(seed)")
        #expect(!results[0].isEmpty)
    }

    /// Every sample arrives up to 24 s after its time, which the bound of 15 s and one window allows, in batches.
    private func feed(_ samples: [Sample], to simulation: Simulation, _ random: inout SeededGenerator) throws {
        var arrivals: [(at: Int64, payload: [UInt8])] = []
        for sample in samples {
            let metadata = try MetadataText.staged(try #require(Self.types[sample.type]))
            let at = sample.timeNanos + Int64.random(in: 0..<24 * Self.second, using: &random)
            arrivals.append(
                (at, Payload.timed(sample.type, sample.id, sample.value, at: sample.timeNanos, metadata)))
        }
        arrivals.sort { $0.at < $1.at }
        var flushAt = Self.start
        var next = 0
        while next < arrivals.count {
            let count = min(Int.random(in: 1...60, using: &random), arrivals.count - next)
            // A batch arrives as soon as its first one does, so that none of it is late.
            let now = arrivals[next].at
            var batch = arrivals[next..<(next + count)].map(\.payload)
            batch.shuffle(using: &random)
            while flushAt <= now {
                simulation.flushDue(now: flushAt)
                flushAt += Int64.random(in: 50_000_000...1_500_000_000, using: &random)
            }
            simulation.ingest(batch, now: now)
            next += count
        }
        for seconds in stride(from: Int64(60), through: 130, by: 1) {
            simulation.flushDue(now: Self.start + seconds * Self.second)
        }
    }
}
