import CM3Protocol
import CProtobufC
public import Metrics

/// Metadata of metrics between its protobuf and the vocabulary.
///
/// Reading goes through the reference codec: equal metadata bytes are common, so that callers decode each form once and
/// keep the result. Source: `docs/wire-formats.md`.
public enum MetadataCodec {
    static let quantileMethodField: UInt32 = 15

    /// Reads contents of a `metricpb.StagedMetadatas`. No bytes are no metadatas.
    /// - Throws: a ``WireError``: malformed, over a limit, or a value that has no meaning. Aggregation ids and resolutions
    ///   of 0 and less are accepted here, as in M3: they are refused where elements are made.
    public static func stagedMetadatas(
        _ bytes: RawSpan, in range: ByteRange
    ) throws(WireError) -> [StagedMetadata] {
        try checkSize(range)
        let message = try Unpacked<Metricpb__StagedMetadatas>(
            merging: bytes, range, .stagedMetadatas, "StagedMetadatas", metricpb__staged_metadatas__unpack,
            metricpb__staged_metadatas__free_unpacked)
        let staged = try list(
            message.pointer.pointee.metadatas, message.pointer.pointee.n_metadatas,
            limit: WireLimits.maxStagedMetadatas, "number of staged metadatas")
        var result: [StagedMetadata] = []
        result.reserveCapacity(staged.count)
        for case .some(let stage) in staged {
            var pipelines: [PipelineMetadata] = []
            if let metadata = stage.pointee.metadata {
                let messages = try list(
                    metadata.pointee.pipelines, metadata.pointee.n_pipelines, limit: WireLimits.maxPipelines,
                    "number of pipelines")
                pipelines.reserveCapacity(messages.count)
                for case .some(let pipeline) in messages { pipelines.append(try pipelineMetadata(pipeline.pointee)) }
            }
            result.append(
                StagedMetadata(
                    cutoverNanos: stage.pointee.cutover_nanos, tombstoned: stage.pointee.tombstoned != 0,
                    pipelines: pipelines))
        }
        return result
    }

    /// Reads contents of a `metricpb.ForwardMetadata`.
    /// - Throws: as ``stagedMetadatas(_:in:)``.
    public static func forwardMetadata(_ bytes: RawSpan, in range: ByteRange) throws(WireError) -> ForwardMetadata {
        try checkSize(range)
        let message = try Unpacked<Metricpb__ForwardMetadata>(
            merging: bytes, range, .forwardMetadata, "ForwardMetadata", metricpb__forward_metadata__unpack,
            metricpb__forward_metadata__free_unpacked)
        let metadata = message.pointer.pointee
        return ForwardMetadata(
            aggregationID: aggregationID(metadata.aggregation_id),
            storagePolicy: try storagePolicy(metadata.storage_policy),
            pipeline: try appliedPipeline(metadata.pipeline), sourceID: metadata.source_id,
            numForwardedTimes: metadata.num_forwarded_times, resendEnabled: metadata.resend_enabled != 0,
            routingTrafficTypes: metadata.routing_policy?.pointee.traffic_types ?? 0,
            quantileMethod: quantileMethod(metadata.base))
    }

    /// Reads contents of a `metricpb.TimedMetadata`.
    /// - Throws: as ``stagedMetadatas(_:in:)``.
    public static func timedMetadata(_ bytes: RawSpan, in range: ByteRange) throws(WireError) -> TimedMetadata {
        try checkSize(range)
        let message = try Unpacked<Metricpb__TimedMetadata>(
            merging: bytes, range, .timedMetadata, "TimedMetadata", metricpb__timed_metadata__unpack,
            metricpb__timed_metadata__free_unpacked)
        let metadata = message.pointer.pointee
        return TimedMetadata(
            aggregationID: aggregationID(metadata.aggregation_id),
            storagePolicy: try storagePolicy(metadata.storage_policy),
            routingTrafficTypes: metadata.routing_policy?.pointee.traffic_types ?? 0)
    }

    /// Reads contents of a `policypb.StoragePolicy`.
    /// - Throws: ``WireError/emptyResolution``, ``WireError/invalidPrecision(nanos:)``, ``WireError/emptyRetention``, or for
    ///   malformed bytes.
    public static func storagePolicy(_ bytes: RawSpan, in range: ByteRange) throws(WireError) -> StoragePolicy {
        var figures = StoragePolicyCodec.Figures()
        var cursor = try WireCursor("StoragePolicy", bytes, range)
        try StoragePolicyCodec.read(bytes, &cursor, into: &figures)
        return try figures.policy()
    }

    private static func checkSize(_ range: ByteRange) throws(WireError) {
        try MetricReader.check(range.count, WireLimits.maxMetadataBytes, "metadata bytes")
    }

    private static func list<Element>(
        _ start: UnsafeMutablePointer<UnsafeMutablePointer<Element>?>?, _ count: Int, limit: Int, _ field: StaticString
    ) throws(WireError) -> UnsafeBufferPointer<UnsafeMutablePointer<Element>?> {
        try MetricReader.check(count, limit, field)
        return UnsafeBufferPointer(start: start, count: start == nil ? 0 : count)
    }

    private static func pipelineMetadata(_ message: Metricpb__PipelineMetadata) throws(WireError) -> PipelineMetadata {
        let policies = try list(
            message.storage_policies, message.n_storage_policies, limit: WireLimits.maxStoragePolicies,
            "number of storage policies")
        var storagePolicies: [StoragePolicy] = []
        storagePolicies.reserveCapacity(policies.count)
        for policy in policies { storagePolicies.append(try storagePolicy(policy)) }
        let rawDropPolicy = Int32(bitPattern: message.drop_policy.rawValue)
        guard rawDropPolicy >= 0, let dropPolicy = DropPolicy(rawValue: UInt64(rawDropPolicy)) else {
            throw .unknownDropPolicy(rawDropPolicy)
        }
        return PipelineMetadata(
            aggregationID: aggregationID(message.aggregation_id), storagePolicies: storagePolicies,
            pipeline: try appliedPipeline(message.pipeline), dropPolicy: dropPolicy,
            resendEnabled: message.resend_enabled != 0,
            routingTrafficTypes: message.routing_policy?.pointee.traffic_types ?? 0,
            quantileMethod: quantileMethod(message.base))
    }

    /// Field 15 of PipelineMetadata and ForwardMetadata, which M3 skips: a varint of one byte. The last one counts; a
    /// method that is not known leaves the choice to the aggregator.
    private static func quantileMethod(_ message: ProtobufCMessage) -> QuantileMethod? {
        guard let fields = message.unknown_fields else { return nil }
        let known = UnsafeBufferPointer(start: fields, count: Int(message.n_unknown_fields))
        guard let field = known.last(where: { $0.tag == quantileMethodField && $0.len == 1 }), let data = field.data
        else { return nil }
        return QuantileMethod(rawValue: data[0])
    }

    private static func aggregationID(_ message: UnsafeMutablePointer<Aggregationpb__AggregationID>?) -> AggregationID {
        AggregationID(rawValue: message?.pointee.id ?? 0)
    }

    private static func storagePolicy(
        _ message: UnsafeMutablePointer<Policypb__StoragePolicy>?
    ) throws(WireError) -> StoragePolicy {
        let resolution = message?.pointee.resolution
        return try StoragePolicyCodec.Figures(
            windowNanos: resolution?.pointee.window_size ?? 0, precisionNanos: resolution?.pointee.precision ?? 0,
            retentionNanos: message?.pointee.retention?.pointee.period ?? 0
        ).policy()
    }

    private static func appliedPipeline(
        _ message: UnsafeMutablePointer<Pipelinepb__AppliedPipeline>?
    ) throws(WireError) -> AppliedPipeline {
        guard let message else { return AppliedPipeline() }
        let ops = try list(
            message.pointee.ops, message.pointee.n_ops, limit: WireLimits.maxPipelineOps, "number of pipeline ops")
        var result: [PipelineOp] = []
        result.reserveCapacity(ops.count)
        for case .some(let op) in ops {
            switch op.pointee.type {
            case PIPELINEPB__APPLIED_PIPELINE_OP__TYPE__TRANSFORMATION:
                let raw = Int32(bitPattern: op.pointee.transformation?.pointee.type.rawValue ?? 0)
                guard let small = UInt8(exactly: raw), let type = TransformationType(rawValue: small) else {
                    throw .unknownTransformationType(raw)
                }
                result.append(.transformation(type))
            case PIPELINEPB__APPLIED_PIPELINE_OP__TYPE__ROLLUP:
                let id = op.pointee.rollup?.pointee.id ?? ProtobufCBinaryData()
                try MetricReader.check(id.len, WireLimits.maxIDBytes, "rollup id bytes")
                result.append(
                    .rollup(
                        id: [UInt8](UnsafeBufferPointer(start: id.data, count: id.data == nil ? 0 : id.len)),
                        aggregationID: aggregationID(op.pointee.rollup?.pointee.aggregation_id)))
            default: throw .unknownPipelineOpType(Int32(bitPattern: op.pointee.type.rawValue))
            }
        }
        return AppliedPipeline(result)
    }
}
