import AggregatorExamples
import Metrics
import Testing

@testable import Aggregator

/// Windows that are published again, against a literal evaluation of what M3 does with one element.
@Suite struct ResendModelTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_700_000_000 * second
    private static let resolution = 10 * second
    private static let pastBuffer = 70 * second

    /// One gauge element with Sum, or with Last, and at most one transformation.
    private final class Model {
        final class Window {
            var values: [(time: Int64, value: Double)] = []
            var isDirty = true
            var isResent = false
            var isClosed = false
        }

        struct FlushState {
            var consumed = Double.nan
            var emitted = 0.0
            var hasEmitted = false
            var wasFlushed = false
            var latestResend = false
        }

        enum Outcome {
            case taken
            case closed(isResent: Bool)
        }

        let transformation: String
        let isSum: Bool
        var windows: [Int64: Window] = [:]
        var states: [Int64: FlushState] = [:]
        var total = 0.0
        var emitted: [(time: Int64, value: Double)] = []

        init(_ transformation: String, isSum: Bool) {
            self.transformation = transformation
            self.isSum = isSum
        }

        func add(_ value: Double, at time: Int64, isResent: Bool) -> Outcome {
            let start = WindowAlignment.start(of: time, resolutionNanos: ResendModelTests.resolution)
            let window = windows[start] ?? Window()
            if window.isClosed { return .closed(isResent: window.isResent) }
            windows[start] = window
            window.values.append((time, value))
            window.isDirty = true
            window.isResent = isResent
            return .taken
        }

        private func value(_ window: Window) -> Double {
            if isSum { return window.values.reduce(0) { $0 + $1.value } }
            var last = window.values[0]
            for next in window.values where next.time > last.time { last = next }
            return last.value
        }

        func consume(_ target: Int64) {
            func isReady(_ start: Int64, _ target: Int64) -> Bool { start + ResendModelTests.resolution <= target }
            let starts = windows.keys.sorted()
            let dirty = starts.filter { isReady($0, target) && windows[$0]?.isDirty == true }
            var snapshots: [(start: Int64, value: Double, previous: Int64?)] = []
            func snapshot(_ start: Int64, _ window: Window) {
                snapshots.append((start, value(window), starts.last { $0 < start }))
            }
            for start in dirty {
                guard let window = windows[start] else { continue }
                snapshot(start, window)
                window.isDirty = false
                states[start, default: FlushState()].latestResend = window.isResent
                if window.isResent, let next = starts.first(where: { $0 > start }), !dirty.contains(next),
                    states[next]?.wasFlushed == true, let following = windows[next]
                {
                    snapshot(next, following)
                }
            }
            var removed: [Int64] = []
            var current = starts.first
            while let start = current, isReady(start, target), let window = windows[start] {
                let isResent = states[start]?.latestResend ?? false
                if isResent && !isReady(start, target - ResendModelTests.pastBuffer) { break }
                if window.isResent != isResent { break }
                window.isClosed = true
                if window.isDirty { break }
                if let first = windows.keys.min(), first < start {
                    windows[first] = nil
                    removed.append(first)
                }
                current = starts.first { $0 > start }
            }
            for snapshot in snapshots { emit(snapshot) }
            for start in removed { states[start] = nil }
        }

        private func emit(_ snapshot: (start: Int64, value: Double, previous: Int64?)) {
            var value = snapshot.value
            let time = snapshot.start + ResendModelTests.resolution
            var state = states[snapshot.start] ?? FlushState()
            var previous = (time: Int64(0), value: Double.nan)
            if let start = snapshot.previous, let state = states[start] {
                previous = (start + ResendModelTests.resolution, state.consumed)
            }
            state.consumed = value
            switch transformation {
            case "PerSecond":
                let difference = value - previous.value
                value =
                    previous.time < time && difference >= 0 ? difference * 1e9 / Double(time - previous.time) : .nan
            case "Increase":
                let difference = value - (previous.value.isNaN ? 0 : previous.value)
                value = previous.time < time && difference >= 0 ? difference : .nan
            case "Add":
                total += value
                value = total
            default: break
            }
            defer {
                state.wasFlushed = true
                states[snapshot.start] = state
            }
            if value.isNaN { return }
            let last = state.emitted
            state.emitted = value
            if state.wasFlushed, value == last { return }
            emitted.append((time, value))
        }
    }

    @Test(arguments: ["", "PerSecond", "Increase", "Add"], 1...25 as ClosedRange<UInt64>)
    func everyOutputIsThatOfTheModel(transformation: String, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let isSum = seed.isMultiple(of: 2)
        var options = Script.options
        options.bufferForPastTimedMetricsNanos = 60 * Self.second
        let simulation = Simulation(options)
        let model = Model(transformation, isSum: isSum)
        let pipeline = (isSum ? "Sum" : "Last") + (transformation.isEmpty ? "" : " do \(transformation)")
        let plain = try MetadataText.staged(pipeline)
        let resent = try MetadataText.staged(pipeline + " resend")
        var now = Self.start
        var refused: UInt64 = 0
        for step in 0..<300 {
            now += Int64.random(in: 1...4_000, using: &random) * 1_000_000
            let value = Double(Int.random(in: 0...200, using: &random))
            // Stretches without resending close all windows.
            let mayResend = now / (200 * Self.second) % 2 == 0
            if mayResend, step == 0 || Int.random(in: 0..<4, using: &random) > 0 {
                let time = now - Int64.random(in: -2_000...71_000, using: &random) * 1_000_000
                simulation.ingest(Payload.gauge("g", value, resent, clientTime: time), now: now)
                if now - time > Self.pastBuffer {
                    refused += 1
                } else if case .closed(let isResent) = model.add(value, at: time, isResent: true) {
                    if isResent { refused += 1 } else { addNow(value, model, now) }
                }
            } else {
                simulation.ingest(Payload.gauge("g", value, plain), now: now)
                addNow(value, model, now)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                simulation.flushAll(now: now)
                model.consume(now)
            }
            #expect(simulation.failures.isEmpty, "\(simulation.failures), seed \(seed)")
        }
        simulation.flushAll(now: now + 20 * Self.second)
        model.consume(now + 20 * Self.second)
        #expect(simulation.published.count == model.emitted.count)
        for (index, (published, expected)) in zip(simulation.published, model.emitted).enumerated()
        where published.timeNanos != expected.time || published.value != expected.value {
            Issue.record("output \(index) is \(published), expected \(expected), seed \(seed)")
            break
        }
        #expect(simulation.total { $0.rejected.total } == refused)
        #expect(simulation.total(\.windowsConsumedAgain) > 0)
        #expect(simulation.failures.isEmpty)
    }

    private func addNow(_ value: Double, _ model: Model, _ now: Int64) {
        if case .closed = model.add(value, at: now, isResent: false) {
            _ = model.add(value, at: now + Self.resolution, isResent: false)
        }
    }
}
