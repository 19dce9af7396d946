import CM3Protocol
import CProtobufC

extension MetricReader {
    /// Makes one piece of a payload that ``read(_:in:)`` refused as scattered: repeated sub-messages merged, lists joined.
    /// - Returns: a payload of the same meaning for ``read(_:in:)``.
    /// - Throws: ``WireError/limitExceeded(field:value:limit:)``, ``WireError/malformedMessage(_:)``,
    ///   ``WireError/missingSubmessage(type:)``, ``WireError/unrecognizedMessageType(_:)``.
    public static func gathered(_ bytes: RawSpan, in payload: ByteRange) throws(WireError) -> [UInt8] {
        try check(payload.count, WireLimits.maxGatheredBytes, "scattered metric bytes")
        let metric = try Unpacked<Metricpb__MetricWithMetadatas>(
            bytes, payload, "MetricWithMetadatas", metricpb__metric_with_metadatas__unpack,
            metricpb__metric_with_metadatas__free_unpacked)
        let message = metric.pointer.pointee
        let type = Int32(bitPattern: message.type.rawValue)
        switch type {
        case 1: return try pack(type, message.counter_with_metadatas, metricpb__counter_with_metadatas__pack_to_buffer)
        case 2:
            return try pack(
                type, message.batch_timer_with_metadatas, metricpb__batch_timer_with_metadatas__pack_to_buffer)
        case 3: return try pack(type, message.gauge_with_metadatas, metricpb__gauge_with_metadatas__pack_to_buffer)
        case 4:
            return try pack(
                type, message.forwarded_metric_with_metadata,
                metricpb__forwarded_metric_with_metadata__pack_to_buffer)
        case 5:
            return try pack(
                type, message.timed_metric_with_metadata, metricpb__timed_metric_with_metadata__pack_to_buffer)
        case 6:
            return try pack(
                type, message.timed_metric_with_metadatas, metricpb__timed_metric_with_metadatas__pack_to_buffer)
        case 7:
            return try pack(
                type, message.timed_metric_with_storage_policy,
                metricpb__timed_metric_with_storage_policy__pack_to_buffer)
        default: throw .unrecognizedMessageType(type)
        }
    }

    private static func pack<Message>(
        _ type: Int32, _ body: UnsafeMutablePointer<Message>?,
        _ packToBuffer: (UnsafePointer<Message>?, UnsafeMutablePointer<ProtobufCBuffer>?) -> Int
    ) throws(WireError) -> [UInt8] {
        guard let body else { throw .missingSubmessage(type: type) }
        let contents = PackBuffer.pack { packToBuffer(body, $0) }
        var writer = ByteWriter(capacity: contents.count + 8)
        writer.appendNumber(tag: 0x08, UInt64(type))
        writer.appendVarint(UInt64(type + 1) << 3 | 2)
        writer.appendVarint(UInt64(contents.count))
        writer.append(contentsOf: contents)
        return writer.array()
    }
}
