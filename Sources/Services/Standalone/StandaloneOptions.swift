import Coordinator

/// What `m3agg standalone` is told.
public struct StandaloneOptions: Sendable {
    /// Where a server listens; port 0 lets the system choose.
    public struct ListenAddress: Sendable, Hashable {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// Everything that is kept lies under this folder: `storage`, `control`, `addresses.json`.
    public var dataDirectory: String
    /// Folder of rule files; nil for no rules.
    public var rulesDirectory: String?
    public var http = ListenAddress(host: "127.0.0.1", port: 7201)
    public var ingest = ListenAddress(host: "127.0.0.1", port: 6000)
    public var aggregated = ListenAddress(host: "127.0.0.1", port: 7507)
    /// `HOST:PORT` of a second consumer of the aggregated metrics.
    public var tap: String?
    public var numShards: UInt32 = 64
    /// How long after its window's end a sample is still taken.
    public var latenessNanos: Int64 = 15_000_000_000
    /// How long rollups wait for their parts, beside one resolution per stage.
    public var forwardingDelayNanos: Int64 = 20_000_000_000
    /// The most by which flushes of one resolution are spread.
    public var flushJitterNanos: Int64 = 1_000_000_000
    /// How often workers look for windows to publish.
    public var flushCheckNanos: Int64 = 200_000_000
    /// How long producers and consumers collect messages and acknowledgements.
    public var connectionFlushNanos: Int64 = 50_000_000
    /// Called with each aggregated value that storage took, on the writer thread; nil for nobody.
    public var onStored: (@Sendable (AggregatedIngester.StoredSample) -> Void)?

    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }

    /// The delays of a demo: the first rollup is there some 25 s after the start.
    public mutating func useShortDelays() {
        latenessNanos = 1_000_000_000
        forwardingDelayNanos = 4_000_000_000
        flushJitterNanos = 1_000_000_000
    }
}
