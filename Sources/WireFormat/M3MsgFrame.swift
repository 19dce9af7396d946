/// One m3msg message as it stands in the bytes of its frame.
public struct MessageView: Sendable, Hashable {
    /// The shard of the producer's queue: for replicated topics replica x number of shards + shard.
    public var shard: UInt64
    /// The message's number in its queue, from 1.
    public var id: UInt64
    /// The producer's clock when it sent the message, nanoseconds since 1970; 0 is none.
    public var sentAtNanos: UInt64
    /// A number of the producer's process that our producers add, 0 for others. Source: `docs/wire-formats.md`.
    public var producerEpoch: UInt64
    /// The contents of the metadata, which an ack echoes as they are.
    public var metadata: ByteRange
    /// Whether the metadata came in several pieces, of which `metadata` is the last: the ack is then made from the numbers.
    public var metadataIsScattered: Bool
    /// The payload; empty when the message has none.
    public var value: ByteRange
}

/// m3msg frames: four bytes of length, big-endian, and that many bytes of protobuf. Source: `docs/wire-formats.md`.
public enum M3MsgFrame {
    /// The largest length of a frame's protobuf, in bytes, at either end of M3 unless configured otherwise.
    public static let defaultMaxSize = 4_194_304

    /// Bytes of the length in front of a frame's protobuf.
    public static let prefixSize = 4

    /// The protobuf of the frame that begins at an offset, or nil while not all of it is there.
    /// - Throws: ``WireError/limitExceeded(field:value:limit:)`` when the frame is larger than `maxSize`,
    ///   ``WireError/rangeOutsideInput(offset:count:available:)``.
    public static func next(
        _ bytes: RawSpan, at offset: Int, maxSize: Int = defaultMaxSize
    ) throws(WireError) -> ByteRange? {
        let available = bytes.byteCount
        guard offset >= 0, offset <= available else {
            throw .rangeOutsideInput(offset: offset, count: 0, available: available)
        }
        guard available &- offset >= prefixSize else { return nil }
        let raw = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)
        let count = Int(UInt32(bigEndian: raw))
        guard count <= maxSize else { throw .limitExceeded(field: "m3msg frame bytes", value: count, limit: maxSize) }
        let start = offset &+ prefixSize
        guard available &- start >= count else { return nil }
        return ByteRange(offset: start, count: count)
    }

    /// Reads the protobuf of a frame that a producer sent.
    /// - Parameter frame: the protobuf without its length; empty is legal and reads as all zero.
    /// - Throws: a ``WireError`` for what is no msgpb.Message. A consumer closes the connection then.
    public static func readMessage(_ bytes: RawSpan, in frame: ByteRange) throws(WireError) -> MessageView {
        var view = MessageView(
            shard: 0, id: 0, sentAtNanos: 0, producerEpoch: 0, metadata: .empty, metadataIsScattered: false,
            value: .empty)
        var message = try WireCursor("msgpb.Message", bytes, frame)
        var metadataCount = 0
        while !message.isAtEnd {
            let tag = try message.tag(bytes)
            switch tag {
            case 0x0a:
                metadataCount &+= 1
                view.metadata = try message.lengthDelimited(bytes)
                try readMetadata(bytes, view.metadata, into: &view)
            case 0x12: view.value = try message.lengthDelimited(bytes)
            default: try message.skip(tag, lastKnown: 2, bytes)
            }
        }
        view.metadataIsScattered = metadataCount > 1
        return view
    }

    @inline(__always)
    static func readMetadata(_ bytes: RawSpan, _ range: ByteRange, into view: inout MessageView) throws(WireError) {
        var metadata = WireCursor(unchecked: "msgpb.Metadata", range)
        while !metadata.isAtEnd {
            let tag = try metadata.tag(bytes)
            switch tag {
            case 0x08: view.shard = try metadata.varint(bytes)
            case 0x10: view.id = try metadata.varint(bytes)
            case 0x18: view.sentAtNanos = try metadata.varint(bytes)
            case UInt32(producerEpochTag): view.producerEpoch = try metadata.fixed64(bytes)
            default: try metadata.skip(tag, lastKnown: 3, bytes)
            }
        }
    }

    /// Field 15 as fixed64: the epoch is random, so that a varint would take ten bytes.
    static let producerEpochTag: UInt8 = 15 << 3 | 1

    /// Appends a frame with one message.
    /// - Parameters:
    ///   - producerEpoch: the number of this process; 0 leaves the field out, which makes the frame M3's byte for byte.
    ///   - maxSize: the largest protobuf to write, in bytes.
    /// - Throws: ``WireError/limitExceeded(field:value:limit:)``, with nothing appended.
    public static func appendMessage(
        shard: UInt64, id: UInt64, sentAtNanos: UInt64, producerEpoch: UInt64 = 0, value: RawSpan,
        maxSize: Int = defaultMaxSize, to writer: inout ByteWriter
    ) throws(WireError) {
        let metadata = metadataSize(shard: shard, id: id, sentAtNanos: sentAtNanos, producerEpoch: producerEpoch)
        let size = ProtobufSize.message(metadata) + ProtobufSize.bytes(value.byteCount)
        guard size <= maxSize else { throw .limitExceeded(field: "m3msg frame bytes", value: size, limit: maxSize) }
        let start = writer.grow(by: prefixSize + size)
        start.storeBytes(of: UInt32(truncatingIfNeeded: size).bigEndian, as: UInt32.self)
        var sink = ProtobufSink(start + prefixSize)
        sink.header(tag: 0x0a, count: metadata)
        sink.metadata(shard: shard, id: id, sentAtNanos: sentAtNanos, producerEpoch: producerEpoch)
        sink.bytes(tag: 0x12, value)
        sink.finish(start + prefixSize + size)
    }

    @inline(__always)
    static func metadataSize(shard: UInt64, id: UInt64, sentAtNanos: UInt64, producerEpoch: UInt64) -> Int {
        ProtobufSize.number(shard) + ProtobufSize.number(id) + ProtobufSize.number(sentAtNanos)
            + (producerEpoch == 0 ? 0 : 9)
    }
}

extension ProtobufSink {
    @inline(__always)
    mutating func metadata(shard: UInt64, id: UInt64, sentAtNanos: UInt64, producerEpoch: UInt64) {
        number(tag: 0x08, shard)
        number(tag: 0x10, id)
        number(tag: 0x18, sentAtNanos)
        if producerEpoch != 0 {
            byte(M3MsgFrame.producerEpochTag)
            fixed64(producerEpoch)
        }
    }
}
