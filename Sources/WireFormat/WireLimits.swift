/// The largest sizes and counts that readers accept. Going over one is ``WireError/limitExceeded(field:value:limit:)``.
public enum WireLimits {
    /// Bytes of a metric id. M3 has no limit of its own; one tag literal may be 65,535 bytes, and twice that leaves room
    /// for the others while an id still fits the arenas and log lines of a server many times over.
    public static let maxIDBytes = 131_072

    /// Bytes of an annotation. The coordinator's own take 4 to 10; the bound keeps per-series state small.
    public static let maxAnnotationBytes = 16_384

    /// Values of one batch timer or forwarded metric: what fills a frame of the default 4 MiB.
    public static let maxValues = 524_288

    /// Bytes of undecoded metadata. A pipeline takes about 130 bytes, so this is room for 2,000; decoded messages take up
    /// to 80 times their bytes for a moment, which this bounds to 20 MiB.
    public static let maxMetadataBytes = 262_144

    /// Stages of a metric's metadata. M3 sends the present one and those that come into force soon: a handful.
    public static let maxStagedMetadatas = 256

    /// Pipelines of a stage: one per matching rule and target.
    public static let maxPipelines = 4_096

    /// Storage policies of a pipeline; each makes an element per series.
    public static let maxStoragePolicies = 256

    /// Steps of a pipeline; M3's own rules have fewer than ten.
    public static let maxPipelineOps = 64

    /// Bytes of a scattered metric that are gathered through the reference codec, which takes up to 80 times as much for a
    /// moment: 20 MiB. No known sender scatters.
    public static let maxGatheredBytes = 262_144

    /// Bytes of a remote write body after decompression. Prometheus sends 2,000 samples at a time by default, under
    /// 1 MiB; agents that send ten times as many large series stay below this.
    public static let maxRemoteWriteBytes = 33_554_432

    /// Bytes of a remote read request after decompression: matchers only.
    public static let maxRemoteReadRequestBytes = 1_048_576

    /// Bytes of a remote read response before compression: about 4 million samples, held in memory at once.
    public static let maxRemoteReadResponseBytes = 67_108_864

    /// Labels of a series; Prometheus targets are commonly limited to 30 to 100.
    public static let maxLabels = 512

    /// Bytes of a label's name or value: the tag serialisation has 16 bits for a length.
    public static let maxLabelBytes = 65_535

    /// Samples of one series in one remote write: one a second for a day.
    public static let maxSamplesPerSeries = 86_400

    /// Queries of one remote read.
    public static let maxQueries = 128

    /// Matchers of one query.
    public static let maxMatchers = 256
}
