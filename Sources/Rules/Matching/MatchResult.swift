import Metrics

/// A pipeline for the metric that was matched, with what its rule says about the id under which it is sent.
public struct MatchedPipeline: Sendable, Equatable {
    public var metadata: PipelineMetadata
    /// Labels that make a separate id of it.
    public var tags: [RuleTag]
    public var suffix: OutputSuffix

    public init(metadata: PipelineMetadata, tags: [RuleTag] = [], suffix: OutputSuffix = .none) {
        self.metadata = metadata
        self.tags = tags
        self.suffix = suffix
    }

    /// Whether it keeps the metric under its own id: there is no rollup in it.
    public var isMapping: Bool { metadata.pipeline.firstRollupIndex == nil }
}

/// A new metric that samples of the matched one are sent to.
public struct MatchedRollup: Sendable, Equatable {
    /// Encoded tags.
    public var id: [UInt8]
    public var metadata: StagedMetadata
}

/// What the rules say about one metric.
public struct MatchResult: Sendable {
    /// The rules' version.
    public var version: UInt64
    /// Pipelines of the metric itself. When only rollups to new metrics matched, one default pipeline, as in M3; when
    /// nothing matched, none.
    public var pipelines: [MatchedPipeline]
    /// Ascending by id; two rules may make the same id.
    public var rollups: [MatchedRollup]
}
