public import Metrics

extension MetadataCodec {
    /// Appends contents of a `metricpb.StagedMetadatas`, byte for byte as M3 writes them while no quantile method is named.
    public static func append(_ metadatas: [StagedMetadata], to writer: inout ByteWriter) {
        for metadata in metadatas {
            writer.appendMessage(tag: 0x0a) { writer in
                writer.appendNumber(tag: 0x08, UInt64(bitPattern: metadata.cutoverNanos))
                writer.appendNumber(tag: 0x10, metadata.tombstoned ? 1 : 0)
                writer.appendMessage(tag: 0x1a) { writer in
                    for pipeline in metadata.pipelines {
                        writer.appendMessage(tag: 0x0a) { append(pipeline, to: &$0) }
                    }
                }
            }
        }
    }

    /// Appends contents of a `metricpb.ForwardMetadata`, byte for byte as M3 writes them while no quantile method is named.
    public static func append(_ metadata: ForwardMetadata, to writer: inout ByteWriter) {
        append(metadata.aggregationID, tag: 0x0a, to: &writer)
        append(metadata.storagePolicy, tag: 0x12, to: &writer)
        append(metadata.pipeline, tag: 0x1a, to: &writer)
        writer.appendNumber(tag: 0x20, UInt64(metadata.sourceID))
        writer.appendNumber(tag: 0x28, UInt64(bitPattern: Int64(metadata.numForwardedTimes)))
        writer.appendNumber(tag: 0x30, metadata.resendEnabled ? 1 : 0)
        appendRouting(metadata.routingTrafficTypes, tag: 0x3a, to: &writer)
        writer.appendNumber(tag: UInt64(quantileMethodField) << 3, UInt64(metadata.quantileMethod?.rawValue ?? 0))
    }

    /// Appends contents of a `metricpb.TimedMetadata`, byte for byte as M3 writes them.
    public static func append(_ metadata: TimedMetadata, to writer: inout ByteWriter) {
        append(metadata.aggregationID, tag: 0x0a, to: &writer)
        append(metadata.storagePolicy, tag: 0x12, to: &writer)
        appendRouting(metadata.routingTrafficTypes, tag: 0x1a, to: &writer)
    }

    /// Appends contents of a `policypb.StoragePolicy`, byte for byte as M3 writes them.
    public static func append(_ policy: StoragePolicy, to writer: inout ByteWriter) {
        writer.appendExactly(StoragePolicyCodec.size(policy)) { StoragePolicyCodec.write(policy, to: &$0) }
    }

    /// The contents of a `metricpb.StagedMetadatas`.
    public static func encode(_ metadatas: [StagedMetadata]) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        append(metadatas, to: &writer)
        return writer.array()
    }

    /// The contents of a `metricpb.ForwardMetadata`.
    public static func encode(_ metadata: ForwardMetadata) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        append(metadata, to: &writer)
        return writer.array()
    }

    /// The contents of a `metricpb.TimedMetadata`.
    public static func encode(_ metadata: TimedMetadata) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        append(metadata, to: &writer)
        return writer.array()
    }

    /// The contents of a `policypb.StoragePolicy`.
    public static func encode(_ policy: StoragePolicy) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        append(policy, to: &writer)
        return writer.array()
    }

    private static func append(_ pipeline: PipelineMetadata, to writer: inout ByteWriter) {
        append(pipeline.aggregationID, tag: 0x0a, to: &writer)
        for policy in pipeline.storagePolicies { append(policy, tag: 0x12, to: &writer) }
        append(pipeline.pipeline, tag: 0x1a, to: &writer)
        writer.appendNumber(tag: 0x20, pipeline.dropPolicy.rawValue)
        writer.appendNumber(tag: 0x28, pipeline.resendEnabled ? 1 : 0)
        appendRouting(pipeline.routingTrafficTypes, tag: 0x32, to: &writer)
        writer.appendNumber(tag: UInt64(quantileMethodField) << 3, UInt64(pipeline.quantileMethod?.rawValue ?? 0))
    }

    private static func append(_ pipeline: AppliedPipeline, tag: UInt64, to writer: inout ByteWriter) {
        writer.appendMessage(tag: tag) { writer in
            for op in pipeline.ops {
                writer.appendMessage(tag: 0x0a) { writer in
                    // Both forms are always there; the one that is not meant is empty.
                    switch op {
                    case .transformation(let type):
                        writer.appendNumber(tag: 0x08, 1)
                        writer.appendMessage(tag: 0x12) { $0.appendNumber(tag: 0x08, UInt64(type.rawValue)) }
                        appendRollup(id: [], .default, to: &writer)
                    case .rollup(let id, let aggregationID):
                        writer.appendNumber(tag: 0x08, 2)
                        writer.appendMessage(tag: 0x12) { _ in }
                        appendRollup(id: id, aggregationID, to: &writer)
                    }
                }
            }
        }
    }

    private static func appendRollup(id: [UInt8], _ aggregationID: AggregationID, to writer: inout ByteWriter) {
        writer.appendMessage(tag: 0x1a) { writer in
            writer.appendBytes(tag: 0x0a, id.span.bytes)
            append(aggregationID, tag: 0x12, to: &writer)
        }
    }

    private static func append(_ id: AggregationID, tag: UInt64, to writer: inout ByteWriter) {
        writer.appendMessage(tag: tag) { $0.appendNumber(tag: 0x08, id.rawValue) }
    }

    private static func append(_ policy: StoragePolicy, tag: UInt64, to writer: inout ByteWriter) {
        writer.appendMessage(tag: tag) { append(policy, to: &$0) }
    }

    private static func appendRouting(_ trafficTypes: UInt64, tag: UInt64, to writer: inout ByteWriter) {
        writer.appendMessage(tag: tag) { $0.appendNumber(tag: 0x08, trafficTypes) }
    }
}
