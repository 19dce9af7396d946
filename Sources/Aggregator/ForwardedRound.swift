/// The values that one flush of one list forwards, gathered by rollup and time: a list sends one message for each,
/// since the receiver takes only one from each source shard.
struct ForwardedRound {
    struct Parcel {
        var target: UInt32
        var timeNanos: Int64
        var values: [Double]
        /// The last one that was not empty.
        var annotation: UInt32
    }

    private struct Key: Hashable {
        var rollup: RollupDestination
        var timeNanos: Int64
    }

    private struct TargetTime: Hashable {
        var target: UInt32
        var timeNanos: Int64
    }

    private(set) var parcels: [Parcel] = []
    private var indices: [Key: Int] = [:]
    /// By the element's target, whose number is quicker to look up than its rollup.
    private var byTarget: [TargetTime: Int] = [:]

    var isEmpty: Bool { parcels.isEmpty }

    /// - Parameter rollup: that of the target.
    mutating func add(
        _ value: Double, target: UInt32, rollup: @autoclosure () -> RollupDestination?, timeNanos: Int64,
        annotation: UInt32
    ) {
        let index: Int
        if let last = parcels.last, last.target == target, last.timeNanos == timeNanos {
            index = parcels.count - 1
        } else if let known = byTarget[TargetTime(target: target, timeNanos: timeNanos)] {
            index = known
        } else {
            guard let rollup = rollup() else { return }
            let key = Key(rollup: rollup, timeNanos: timeNanos)
            index = indices[key] ?? parcels.count
            if index == parcels.count {
                indices[key] = index
                parcels.append(Parcel(target: target, timeNanos: timeNanos, values: [], annotation: 0))
            }
            byTarget[TargetTime(target: target, timeNanos: timeNanos)] = index
        }
        parcels[index].values.append(value)
        // The routing of the element that wrote last goes with the message, as in M3.
        parcels[index].target = target
        if annotation != 0 { parcels[index].annotation = annotation }
    }

    mutating func removeAll() {
        parcels.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
        byTarget.removeAll(keepingCapacity: true)
    }
}
