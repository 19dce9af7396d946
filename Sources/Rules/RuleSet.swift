import Metrics

/// All rules in force together, ready to match. Immutable; another version is another rule set.
public final class RuleSet: Sendable {
    /// Tells rule sets of a process apart: caches of match results compare it.
    public let version: UInt64
    /// Nanoseconds since 1970 from which on the aggregator applies the metadata of rollup outputs; 0 for at once.
    public let cutoverNanos: Int64
    public let mappingRules: [MappingRule]
    public let rollupRules: [RollupRule]
    private let mappingIndex: RuleIndex
    private let rollupIndex: RuleIndex

    public init(
        version: UInt64 = 0, cutoverNanos: Int64 = 0, mappingRules: [MappingRule] = [], rollupRules: [RollupRule] = []
    ) {
        self.version = version
        self.cutoverNanos = cutoverNanos
        self.mappingRules = mappingRules
        self.rollupRules = rollupRules
        mappingIndex = RuleIndex(mappingRules.map(\.filter))
        rollupIndex = RuleIndex(rollupRules.map(\.filter))
    }

    public static let empty = RuleSet()

    public var isEmpty: Bool { mappingRules.isEmpty && rollupRules.isEmpty }

    /// Every storage policy that a rule names, for namespaces to be made in time.
    public var storagePolicies: [StoragePolicy] {
        var policies: [StoragePolicy] = []
        for policy in mappingRules.flatMap(\.storagePolicies)
            + rollupRules.flatMap({ $0.targets.flatMap(\.storagePolicies) })
        where !policies.contains(policy) { policies.append(policy) }
        return policies
    }

    /// Matches a metric against all rules.
    /// - Parameter tags: sorted, `__m3_type__` and the like included: filters may ask for them.
    public func match(_ tags: TagList) -> MatchResult {
        tags.withView { view in
            let mappings = mappingIndex.matches(view).map { mappingRules[$0] }
            var rollups: [MatchedRollup] = []
            var pipelines = mappings.map {
                MatchedPipeline(
                    metadata: PipelineMetadata(
                        aggregationID: $0.aggregationID, storagePolicies: $0.storagePolicies, dropPolicy: $0.dropPolicy,
                        quantileMethod: $0.quantileMethod),
                    tags: $0.tags, suffix: $0.suffix)
            }
            let matched = rollupIndex.matches(view)
            // M3 adds its default pipeline next to the ones of rollups when no mapping rule spoke for the metric.
            if pipelines.isEmpty && !matched.isEmpty {
                pipelines.append(MatchedPipeline(metadata: PipelineMetadata()))
            }
            for index in matched {
                for target in rollupRules[index].targets {
                    apply(target, tags: rollupRules[index].tags, view, &pipelines, &rollups)
                }
            }
            Self.removeDuplicates(&pipelines)
            rollups.sort { $0.id.lexicographicallyPrecedes($1.id) }
            return MatchResult(version: version, pipelines: pipelines, rollups: rollups)
        }
    }

    private func apply(
        _ target: RollupTarget, tags: [RuleTag], _ view: TagList.View, _ pipelines: inout [MatchedPipeline],
        _ rollups: inout [MatchedRollup]
    ) {
        guard let first = target.steps.first else { return }
        var metadata = PipelineMetadata(
            storagePolicies: target.storagePolicies, quantileMethod: target.quantileMethod)
        var rollupID: [UInt8]?
        var rest = target.steps.dropFirst()
        switch first {
        case .aggregate(let type): metadata.aggregationID = AggregationID([type])
        case .transform: rest = target.steps[...]
        case .rollup(let rollup):
            guard let id = RollupMatch.id(rollup, view, tags: tags) else { return }
            rollupID = id
            metadata.aggregationID = rollup.aggregationID
        }
        guard let pipeline = applied(rest, tags: tags, view) else { return }
        metadata.pipeline = pipeline
        if let rollupID {
            rollups.append(
                MatchedRollup(
                    id: rollupID, metadata: StagedMetadata(cutoverNanos: cutoverNanos, pipelines: [metadata])))
        } else {
            pipelines.append(MatchedPipeline(metadata: metadata))
        }
    }

    /// The steps with their rollup ids made, or nil when one of the rollups does not fit the metric.
    private func applied(_ steps: ArraySlice<RuleStep>, tags: [RuleTag], _ view: TagList.View) -> AppliedPipeline? {
        var ops: [PipelineOp] = []
        for step in steps {
            switch step {
            case .transform(let type): ops.append(.transformation(type))
            case .rollup(let rollup):
                guard let id = RollupMatch.id(rollup, view, tags: tags) else { return nil }
                ops.append(.rollup(id: id, aggregationID: rollup.aggregationID))
            case .aggregate: return nil
            }
        }
        return AppliedPipeline(ops)
    }

    /// Keeps the first of equal pipelines. As in M3, rule tags do not make two pipelines different.
    private static func removeDuplicates(_ pipelines: inout [MatchedPipeline]) {
        var kept: [MatchedPipeline] = []
        for pipeline in pipelines where !kept.contains(where: { $0.metadata == pipeline.metadata }) {
            kept.append(pipeline)
        }
        pipelines = kept
    }
}
