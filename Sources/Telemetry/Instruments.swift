import Synchronization

/// A number that only grows. Any thread may add; one relaxed atomic addition, so it may stand on a warm path, but
/// per-message code counts in plain integers and adds once per batch.
public final class Counter: Sendable {
    private let storage = Atomic<UInt64>(0)

    public init() {}

    public func add(_ n: UInt64 = 1) { storage.wrappingAdd(n, ordering: .relaxed) }

    /// For quantities that arrive as signed integers; a negative one is ignored.
    public func add(_ n: Int) { if n > 0 { add(UInt64(n)) } }

    public var value: UInt64 { storage.load(ordering: .relaxed) }
}

/// A number that goes up and down.
public final class Gauge: Sendable {
    private let storage = Atomic<Int64>(0)

    public init() {}

    public func set(_ value: Int64) { storage.store(value, ordering: .relaxed) }

    public func add(_ delta: Int64) { storage.wrappingAdd(delta, ordering: .relaxed) }

    public var value: Int64 { storage.load(ordering: .relaxed) }
}

/// Observations counted by upper bounds, with their sum.
public final class Histogram: Sendable {
    /// The state of a histogram at one moment: counts per bound (not cumulative; the last is above all bounds).
    public struct Snapshot: Sendable, Equatable {
        public var bounds: [Double]
        public var counts: [UInt64]
        public var sum: Double
    }

    public let bounds: [Double]
    private struct State {
        var counts: [UInt64]
        var sum = 0.0
    }
    private let state: Mutex<State>

    /// - Parameter bounds: ascending upper bounds, in the unit that the name states (usually seconds).
    public init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    public func observe(_ value: Double) {
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[index] += 1
            $0.sum += value
        }
    }

    public var snapshot: Snapshot {
        state.withLock { Snapshot(bounds: bounds, counts: $0.counts, sum: $0.sum) }
    }

    /// 1 ms to 60 s: for durations and lags in seconds.
    public static let secondsBounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60,
    ]
}
