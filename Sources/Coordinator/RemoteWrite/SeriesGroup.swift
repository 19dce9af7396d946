import WireFormat

/// Series of a request that are looked up together, with their samples.
struct SeriesGroup {
    private struct Place {
        var message: ByteRange
        var samplesEnd: Int
    }

    /// So many that waits for memory overlap, few enough to stay in the nearest cache.
    private static let capacity = 64

    private(set) var lookups: [Downsampler.Lookup] = []
    private var places: [Place] = []
    private var samples: [PrometheusSample] = []

    init() {
        lookups.reserveCapacity(Self.capacity)
        places.reserveCapacity(Self.capacity)
        samples.reserveCapacity(Self.capacity)
    }

    var isFull: Bool { lookups.count >= Self.capacity }

    mutating func append(_ lookup: Downsampler.Lookup, _ message: ByteRange, _ samples: [PrometheusSample]) {
        lookups.append(lookup)
        self.samples.append(contentsOf: samples)
        places.append(Place(message: message, samplesEnd: self.samples.count))
    }

    /// The contents of a series' TimeSeries message.
    func message(_ position: Int) -> ByteRange { places[position].message }

    func samples(_ position: Int) -> ArraySlice<PrometheusSample> {
        samples[(position == 0 ? 0 : places[position - 1].samplesEnd)..<places[position].samplesEnd]
    }

    mutating func removeAll() {
        lookups.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        samples.removeAll(keepingCapacity: true)
    }
}
