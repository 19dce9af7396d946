import Metrics

/// The samples of one series within a time range, in ascending order of time.
public struct SeriesData: Sendable {
    public var labels: Labels
    /// Milliseconds since 1970, strictly ascending.
    public var timestamps: [Int64]
    /// As many as timestamps, bit for bit as they were written (NaN payloads included).
    public var values: [Double]

    public init(labels: Labels, timestamps: [Int64], values: [Double]) {
        self.labels = labels
        self.timestamps = timestamps
        self.values = values
    }
}

/// How much one read may touch; more is an error, never a silently shortened answer.
public struct ReadLimit: Sendable {
    public var maxSeries: Int
    public var maxSamples: Int

    public init(maxSeries: Int = 100_000, maxSamples: Int = 50_000_000) {
        self.maxSeries = maxSeries
        self.maxSamples = maxSamples
    }
}

/// A closed interval of time in milliseconds since 1970.
public struct TimeRange: Sendable, Hashable {
    public var startMs: Int64
    public var endMs: Int64

    public init(startMs: Int64, endMs: Int64) {
        self.startMs = startMs
        self.endMs = endMs
    }

    public static let all = TimeRange(startMs: .min, endMs: .max)
}
