import Metrics

/// The values that one flush of one list forwards, gathered by rollup and time: a list sends one message for each.
struct ForwardedRound {
    struct Key: Hashable {
        var target: UInt32
        var shape: UInt32
        var timeNanos: Int64
    }

    struct Parcel {
        var key: Key
        var values: [Double] = []
        var annotation: [UInt8] = []
    }

    private(set) var parcels: [Parcel] = []
    private var indices: [Key: Int] = [:]
    private var recent: Int?

    var isEmpty: Bool { parcels.isEmpty }

    mutating func add(_ value: Double, to key: Key, annotation: [UInt8]?) {
        let index: Int
        if let recent, parcels[recent].key == key {
            index = recent
        } else if let known = indices[key] {
            index = known
        } else {
            index = parcels.count
            indices[key] = index
            parcels.append(Parcel(key: key))
        }
        recent = index
        parcels[index].values.append(value)
        if let annotation { parcels[index].annotation = annotation }
    }

    mutating func removeAll() {
        parcels.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
        recent = nil
    }
}
