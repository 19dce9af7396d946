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
        case 1: return try pack(type, message.counter_with_metadatas)
        case 2: return try pack(type, message.batch_timer_with_metadatas)
        case 3: return try pack(type, message.gauge_with_metadatas)
        case 4: return try pack(type, message.forwarded_metric_with_metadata)
        case 5: return try pack(type, message.timed_metric_with_metadata)
        case 6: return try pack(type, message.timed_metric_with_metadatas)
        case 7: return try pack(type, message.timed_metric_with_storage_policy)
        default: throw .unrecognizedMessageType(type)
        }
    }

    private static func pack<Message>(
        _ type: Int32, _ body: UnsafeMutablePointer<Message>?
    ) throws(WireError) -> [UInt8] {
        guard let body else { throw .missingSubmessage(type: type) }
        let contents = body.packed()
        var writer = ByteWriter(capacity: contents.count + 8)
        writer.appendNumber(tag: 0x08, UInt64(type))
        writer.appendVarint(UInt64(type + 1) << 3 | 2)
        writer.appendVarint(UInt64(contents.count))
        writer.append(contentsOf: contents)
        return writer.array()
    }
}
