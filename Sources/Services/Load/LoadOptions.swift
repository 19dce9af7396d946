import Metrics

/// What `m3agg loadgen` sends.
public struct LoadOptions: Sendable {
    /// `HOST:PORT` of the aggregator's m3msg server.
    public var ingest: String
    public var metricType: MetricType
    /// Distinct series, at least 1.
    public var series: Int
    /// Messages per second, spread evenly; at least 1.
    public var rate: Int
    public var durationNanos: Int64
    public var storagePolicy: StoragePolicy
    /// Shards of the topic `aggregator_ingest`; they have to be those of the aggregator's placement.
    public var numShards: UInt32
    /// Stamped on every series as label `run`, so that runs do not mix.
    public var run: String

    public init(
        ingest: String, metricType: MetricType, series: Int, rate: Int, durationNanos: Int64,
        storagePolicy: StoragePolicy, numShards: UInt32 = 64, run: String
    ) {
        self.ingest = ingest
        self.metricType = metricType
        self.series = series
        self.rate = rate
        self.durationNanos = durationNanos
        self.storagePolicy = storagePolicy
        self.numShards = numShards
        self.run = run
    }

    /// The metric name of all series.
    public var metricName: String { "loadgen_\(metricType.name)" }

    /// Series of one value of the label `part`: what a verification asks for at a time.
    public static let seriesPerPart = 1000
}

/// The series of a run: ids, shards and what was sent to each.
struct LoadSeries {
    let ids: [[UInt8]]
    let shards: [UInt32]
    /// The sum of the values sent, by series; integers, so that sums are exact.
    var sums: [Int64]

    init(_ options: LoadOptions) throws(MetricsError) {
        var ids: [[UInt8]] = []
        ids.reserveCapacity(options.series)
        for index in 0..<options.series {
            let labels = try Labels([
                (name: "__name__", value: options.metricName), (name: "part", value: Self.part(index)),
                (name: "run", value: options.run), (name: "series", value: String(index)),
                (name: "service", value: "loadgen-service-with-a-usual-name"),
            ])
            ids.append(labels.encoded)
        }
        self.ids = ids
        shards = ids.map { id in id.withUnsafeBytes { Murmur3.shard(of: $0, numShards: options.numShards) } }
        sums = Array(repeating: 0, count: options.series)
    }

    static func part(_ index: Int) -> String { String(index / LoadOptions.seriesPerPart) }
}
