import WireFormat

/// A metric that was read and waits to be added, with what finds its series.
struct Arrival {
    /// Metrics that are looked up together: enough for their cache misses to overlap, and few enough to stay cached.
    static let batch = 32

    var view: MetricView
    /// Its position in the payloads.
    var position: Int
    var kind: SeriesKind
    var tag: UInt32
    /// The record that the series very likely has, 0 for none.
    var candidate: UInt32 = 0
}
