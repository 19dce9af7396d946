import Metrics
import Rules

/// The messages that rules make of a series, before they are encoded.
///
/// Pipelines for one id and type travel together in one message. Source: `docs/rules.md`, What is sent.
struct PlannedOutputs {
    struct Output {
        var id: [UInt8]
        var type: MetricType
        var metadatas: [StagedMetadata]
    }

    private(set) var outputs: [Output] = []
    /// Whether a drop policy was met: the samples themselves are not stored then, even when it had no effect.
    private(set) var dropPolicyWasMet = false
    private(set) var isUntimed = false

    private static let dropTimestampTag = Array("__m3_drop_timestamp__".utf8)

    private let labels: OutputLabels
    private let seriesType: MetricType

    /// - Parameters:
    ///   - match: what the rules say.
    ///   - labels: in the order of the id.
    ///   - autoMappingPolicies: where every series is kept with its last value, unless a mapping rule says how.
    /// - Throws: ``MetricsError`` when an id grows too long.
    init(
        _ match: MatchResult, labels: OutputLabels, type: MetricType, autoMappingPolicies: [StoragePolicy]
    ) throws(MetricsError) {
        self.labels = labels
        seriesType = type
        var pipelines = match.pipelines
        Self.addAutoMapping(autoMappingPolicies, to: &pipelines)
        isUntimed = pipelines.contains { $0.tags.contains { $0.name == Self.dropTimestampTag } }
        let outcome = DropPolicies.apply(to: &pipelines) { $0.metadata.dropPolicy }
        dropPolicyWasMet = outcome != .noPolicyPresent
        if outcome != .effective { try add(pipelines) }
        for rollup in match.rollups {
            let quantile = rollup.metadata.pipelines.contains { $0.aggregationID.containsQuantile }
            outputs.append(
                Output(id: rollup.id, type: quantile ? .timer : type, metadatas: [rollup.metadata]))
        }
    }

    private static func addAutoMapping(_ policies: [StoragePolicy], to pipelines: inout [MatchedPipeline]) {
        if pipelines.contains(where: { $0.metadata.dropPolicy != .none }) { return }
        let mapped = pipelines.filter(\.isMapping).flatMap(\.metadata.storagePolicies)
        for policy in policies where !mapped.contains(where: { $0.isEquivalent(to: policy) }) {
            pipelines.append(
                MatchedPipeline(
                    metadata: PipelineMetadata(aggregationID: AggregationID([.last]), storagePolicies: [policy])))
        }
    }

    private mutating func add(_ pipelines: [MatchedPipeline]) throws(MetricsError) {
        var own: [PipelineMetadata] = []
        for pipeline in pipelines {
            if let types = variants(of: pipeline) {
                for type in types { try addVariant(type, of: pipeline) }
            } else if !pipeline.tags.isEmpty {
                let first = (try? pipeline.metadata.aggregationID.types())?.first
                try addOutput(labels.adding(pipeline.tags, aggregation: first), [pipeline.metadata], merges: false)
            } else {
                own.append(pipeline.metadata)
            }
        }
        try addOutput(labels, own.filter { !$0.aggregationID.containsQuantile }, merges: true)
        try addOutput(labels, own.filter { $0.aggregationID.containsQuantile }, merges: true)
    }

    /// The aggregations that get an id each, or nil when the pipeline goes under one id.
    private func variants(of pipeline: MatchedPipeline) -> [AggregationType]? {
        let id = pipeline.metadata.aggregationID
        guard pipeline.suffix == .aggregation, pipeline.metadata.pipeline.isEmpty else { return nil }
        // The default of a timer is eleven aggregations, which would overwrite each other under one id.
        if id.isDefault { return seriesType == .timer ? AggregationType.defaults(for: .timer) : nil }
        return id.typeCount > 1 ? AggregationType.allCases.filter(id.contains) : nil
    }

    private mutating func addVariant(_ type: AggregationType, of pipeline: MatchedPipeline) throws(MetricsError) {
        var metadata = pipeline.metadata
        metadata.aggregationID = AggregationID([type])
        let suffixed = labels.adding(pipeline.tags, aggregation: type).suffixingName(type.nameSuffix)
        try addOutput(suffixed, [metadata], merges: true)
    }

    private mutating func addOutput(
        _ labels: OutputLabels, _ pipelines: [PipelineMetadata], merges: Bool
    ) throws(MetricsError) {
        guard !pipelines.isEmpty, !(pipelines.count == 1 && pipelines[0].isDefault) else { return }
        let id = try labels.encoded()
        let type = pipelines.contains { $0.aggregationID.containsQuantile } ? MetricType.timer : seriesType
        if merges, let index = outputs.firstIndex(where: { $0.id == id && $0.type == type }) {
            outputs[index].metadatas[0].pipelines += pipelines
        } else {
            outputs.append(Output(id: id, type: type, metadatas: [StagedMetadata(pipelines: pipelines)]))
        }
    }
}
