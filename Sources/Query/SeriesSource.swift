import Metrics

/// Samples of one series in ascending order of time, without two of the same time.
public struct QuerySeries: Sendable, Equatable {
    public var labels: Labels
    /// Milliseconds since 1970.
    public var timestamps: [Int64]
    /// As many as ``timestamps``. NaN payloads survive, so that stale markers can be told from other NaNs.
    public var values: [Double]

    public init(labels: Labels, timestamps: [Int64], values: [Double]) {
        self.labels = labels
        self.timestamps = timestamps
        self.values = values
    }

    public static func == (a: QuerySeries, b: QuerySeries) -> Bool {
        a.labels == b.labels && a.timestamps == b.timestamps
            && a.values.map(\.bitPattern) == b.values.map(\.bitPattern)
    }
}

/// A span of time in milliseconds since 1970, both ends included.
public struct TimeRange: Sendable, Equatable {
    public var startMillis: Int64
    public var endMillis: Int64

    public init(startMillis: Int64, endMillis: Int64) {
        self.startMillis = startMillis
        self.endMillis = endMillis
    }

    /// Everything: what requests without `start` and `end` mean. A few thousand years short of overflow, so that
    /// sums with look-back and retention stay in range.
    public static let all = TimeRange(startMillis: Int64.min / 4, endMillis: Int64.max / 4)
}

/// How much a query may read.
public struct QueryLimits: Sendable, Equatable {
    /// More matching series are an error.
    public var maxSeries = 100_000
    /// More samples in memory at one time are an error (16 bytes each).
    public var maxSamples = 20_000_000
    /// Points per series of a range query; Prometheus has the same figure.
    public var maxPointsPerSeries: Int64 = 11_000
    /// How far back an evaluation looks for a sample, in milliseconds.
    public var lookbackMillis: Int64 = 300_000

    public init() {}
}

/// Where series come from.
public protocol SeriesSource: Sendable {
    /// The series that all matchers accept, with their samples in a range; a series without any may be left out.
    /// - Throws: ``QueryError`` when limits are exceeded or a regular expression is not understood.
    func select(matchers: [LabelMatcher], in range: TimeRange, limits: QueryLimits) async throws -> [QuerySeries]

    /// The labels of all series that one of the selectors accepts and that may have samples in a range.
    func series(selectors: [[LabelMatcher]], in range: TimeRange, limits: QueryLimits) async throws -> [Labels]

    /// The names of labels, sorted; of all series when there is no selector.
    func labelNames(selectors: [[LabelMatcher]], in range: TimeRange, limits: QueryLimits) async throws -> [String]

    /// The values of a label, sorted; of all series when there is no selector.
    func labelValues(
        of name: String, selectors: [[LabelMatcher]], in range: TimeRange, limits: QueryLimits
    ) async throws -> [String]
}
