import Aggregation

/// The values that one flush of one list forwards, gathered by rollup and time: a list sends one message for each,
/// since the receiver takes only one from each source shard.
struct ForwardedRound {
    struct Parcel {
        var target: UInt32
        var timeNanos: Int64
        var values: [Double]
        /// What was sent for the same window and type before; 0 the first time.
        var previous: [Double]
        /// The last one that was not empty.
        var annotation: UInt32
        /// Whether the last value may be sent again.
        var isResent: Bool
        /// All values of the timers, for a rollup that works out quantiles.
        var sketch: DDSketch?
    }

    private struct Key: Hashable {
        var rollup: RollupDestination
        var timeNanos: Int64
    }

    private struct TargetTime: Hashable {
        var target: UInt32
        var timeNanos: Int64
    }

    /// Parcels that keep their memory for later rounds stand behind the first ``count``.
    private var storage: [Parcel] = []
    private var count = 0
    private var indices: [Key: Int] = [:]
    /// By the element's target, whose number is quicker to look up than its rollup.
    private var byTarget: [TargetTime: Int] = [:]
    /// The values that parcels at most keep room for.
    private static let maxKeptValues = 4_096
    private static let maxKeptParcels = 1_024

    var isEmpty: Bool { count == 0 }
    var parcels: ArraySlice<Parcel> { storage[..<count] }

    /// - Parameter rollup: that of the target.
    mutating func add(
        _ value: Double, previous: Double, target: UInt32, rollup: @autoclosure () -> RollupDestination?,
        timeNanos: Int64, annotation: UInt32, isResent: Bool
    ) {
        let index: Int
        if count > 0, storage[count - 1].target == target, storage[count - 1].timeNanos == timeNanos {
            index = count - 1
        } else if let known = byTarget[TargetTime(target: target, timeNanos: timeNanos)] {
            index = known
        } else {
            guard let rollup = rollup() else { return }
            let key = Key(rollup: rollup, timeNanos: timeNanos)
            index = indices[key] ?? count
            if index == count {
                indices[key] = index
                begin(timeNanos)
            }
            byTarget[TargetTime(target: target, timeNanos: timeNanos)] = index
        }
        storage[index].values.append(value)
        storage[index].previous.append(previous)
        // The routing of the element that wrote last goes with the message, as in M3.
        storage[index].target = target
        storage[index].isResent = isResent
        if annotation != 0 { storage[index].annotation = annotation }
    }

    /// Adds all values of a timer to the parcel that its last value went to.
    mutating func merge(_ quantiles: TimerQuantiles, target: UInt32, timeNanos: Int64) {
        guard let index = byTarget[TargetTime(target: target, timeNanos: timeNanos)] else { return }
        var sketch = storage[index].sketch ?? DDSketch()
        storage[index].sketch = nil
        // All sketches of a worker have the same error.
        try? quantiles.merge(into: &sketch)
        storage[index].sketch = sketch
    }

    private mutating func begin(_ timeNanos: Int64) {
        if count == storage.count {
            storage.append(
                Parcel(target: 0, timeNanos: timeNanos, values: [], previous: [], annotation: 0, isResent: false))
        } else {
            storage[count].timeNanos = timeNanos
            storage[count].annotation = 0
            storage[count].sketch = nil
            storage[count].values.removeAll(keepingCapacity: true)
            storage[count].previous.removeAll(keepingCapacity: true)
        }
        count += 1
    }

    mutating func removeAll() {
        if count > Self.maxKeptParcels { storage.removeSubrange(Self.maxKeptParcels...) }
        for index in storage.indices where storage[index].values.capacity > Self.maxKeptValues {
            storage[index].values = []
            storage[index].previous = []
        }
        count = 0
        indices.removeAll(keepingCapacity: true)
        byTarget.removeAll(keepingCapacity: true)
    }
}
