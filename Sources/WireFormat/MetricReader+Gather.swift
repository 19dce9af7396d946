import CM3Protocol

extension MetricReader {
    /// Makes one piece of a payload that ``read(_:in:)`` refused as scattered: repeated sub-messages merged, lists joined,
    /// sub-messages of other types than the envelope's checked and left out.
    /// - Returns: a payload of the same meaning for ``read(_:in:)``.
    /// - Throws: a ``WireError`` for malformed payloads, ``WireError/limitExceeded(field:value:limit:)`` for those of more
    ///   than ``WireLimits/maxGatheredBytes``.
    public static func gathered(_ bytes: RawSpan, in payload: ByteRange) throws(WireError) -> [UInt8] {
        try check(payload.count, WireLimits.maxGatheredBytes, "scattered metric bytes")
        var merged = ByteWriter(capacity: payload.count + 16)
        try SubmessageMerger.append(bytes, [payload], .metricWithMetadatas, to: &merged)
        let joined = merged.array()
        let all = ByteRange(offset: 0, count: joined.count)
        let type = try Unpacked<Metricpb__MetricWithMetadatas>(
            joined.span.bytes, all, "MetricWithMetadatas", metricpb__metric_with_metadatas__unpack,
            metricpb__metric_with_metadatas__free_unpacked
        ).pointer.pointee.type
        return try only(Int32(bitPattern: type.rawValue), joined.span.bytes, all)
    }

    /// The envelope with the sub-message of its type and no other.
    private static func only(_ type: Int32, _ bytes: RawSpan, _ range: ByteRange) throws(WireError) -> [UInt8] {
        guard let rawKind = UInt8(exactly: type), PayloadKind(rawValue: rawKind) != nil else {
            throw .unrecognizedMessageType(type)
        }
        let bodyTag = UInt32(rawKind + 1) << 3 | 2
        var envelope = try WireCursor("MetricWithMetadatas", bytes, range)
        var writer = ByteWriter(capacity: range.count)
        while !envelope.isAtEnd {
            let tag = try envelope.tag(bytes)
            guard tag == bodyTag else {
                try envelope.skip(tag, lastKnown: 0, bytes)
                continue
            }
            let body = try envelope.lengthDelimited(bytes)
            writer.appendNumber(tag: 0x08, UInt64(rawKind))
            writer.appendVarint(UInt64(bodyTag))
            writer.appendVarint(UInt64(body.count))
            writer.append(contentsOf: bytes.extracting(body.offset..<body.end))
            return writer.array()
        }
        throw .missingSubmessage(type: type)
    }
}
