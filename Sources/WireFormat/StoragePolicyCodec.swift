import Metrics

/// Storage policies between their protobuf (`policypb.StoragePolicy`) and the vocabulary.
enum StoragePolicyCodec {
    /// The durations that may be a precision, in nanoseconds.
    private static func isTimeUnit(_ nanos: Int64) -> Bool {
        switch nanos {
        case 1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000, 86_400_000_000_000,
            31_536_000_000_000_000:
            true
        default: false
        }
    }

    /// The figures as they come, before they are looked at.
    struct Figures {
        var windowNanos: Int64 = 0
        var precisionNanos: Int64 = 0
        var retentionNanos: Int64 = 0

        /// - Throws: ``WireError/emptyResolution``, ``WireError/invalidPrecision(nanos:)``, ``WireError/emptyRetention``
        func policy() throws(WireError) -> StoragePolicy {
            guard windowNanos != 0 || precisionNanos != 0 else { throw .emptyResolution }
            guard isTimeUnit(precisionNanos) else { throw .invalidPrecision(nanos: precisionNanos) }
            guard retentionNanos != 0 else { throw .emptyRetention }
            return StoragePolicy(
                resolutionNanos: windowNanos, precisionNanos: precisionNanos, retentionNanos: retentionNanos)
        }
    }

    /// Reads contents of a StoragePolicy over what `figures` holds already, which merges repeated ones.
    static func read(_ bytes: RawSpan, _ policy: inout WireCursor, into figures: inout Figures) throws(WireError) {
        while !policy.isAtEnd {
            let tag = try policy.tag(bytes)
            switch tag {
            case 0x0a:
                var resolution = try policy.submessage("Resolution", bytes)
                while !resolution.isAtEnd {
                    let tag = try resolution.tag(bytes)
                    switch tag {
                    case 0x08: figures.windowNanos = Int64(bitPattern: try resolution.varint(bytes))
                    case 0x10: figures.precisionNanos = Int64(bitPattern: try resolution.varint(bytes))
                    default: try resolution.skip(tag, lastKnown: 2, bytes)
                    }
                }
            case 0x12:
                var retention = try policy.submessage("Retention", bytes)
                while !retention.isAtEnd {
                    let tag = try retention.tag(bytes)
                    switch tag {
                    case 0x08: figures.retentionNanos = Int64(bitPattern: try retention.varint(bytes))
                    default: try retention.skip(tag, lastKnown: 1, bytes)
                    }
                }
            default: try policy.skip(tag, lastKnown: 2, bytes)
            }
        }
    }

    private static func resolutionSize(_ policy: StoragePolicy) -> Int {
        ProtobufSize.number(UInt64(bitPattern: policy.resolutionNanos))
            + ProtobufSize.number(UInt64(bitPattern: policy.precisionNanos))
    }

    private static func retentionSize(_ policy: StoragePolicy) -> Int {
        ProtobufSize.number(UInt64(bitPattern: policy.retentionNanos))
    }

    /// Bytes of the contents.
    static func size(_ policy: StoragePolicy) -> Int {
        ProtobufSize.message(resolutionSize(policy)) + ProtobufSize.message(retentionSize(policy))
    }

    static func write(_ policy: StoragePolicy, to sink: inout ProtobufSink) {
        sink.header(tag: 0x0a, count: resolutionSize(policy))
        sink.number(tag: 0x08, policy.resolutionNanos)
        sink.number(tag: 0x10, policy.precisionNanos)
        sink.header(tag: 0x12, count: retentionSize(policy))
        sink.number(tag: 0x08, policy.retentionNanos)
    }
}
