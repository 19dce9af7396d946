/// One acknowledged message of an ack frame.
public struct AckEntry: Sendable, Hashable {
    /// The shard as the producer sent it, never reduced.
    public var shard: UInt64
    public var id: UInt64

    @inlinable public init(shard: UInt64, id: UInt64) {
        self.shard = shard
        self.id = id
    }
}

extension M3MsgFrame {
    /// Reads the protobuf of an ack frame and hands over its entries in order.
    /// - Throws: a ``WireError`` for what is no msgpb.Ack; entries before the fault have been handed over by then, and
    ///   they stand: each was a whole entry.
    public static func readAck(
        _ bytes: RawSpan, in frame: ByteRange, _ body: (AckEntry) -> Void
    ) throws(WireError) {
        var ack = try WireCursor("msgpb.Ack", bytes, frame)
        while !ack.isAtEnd {
            let tag = try ack.tag(bytes)
            guard tag == 0x0a else {
                try ack.skip(tag, lastKnown: 1, bytes)
                continue
            }
            var view = MessageView(
                shard: 0, id: 0, sentAtNanos: 0, producerEpoch: 0, metadata: .empty, metadataIsScattered: false,
                value: .empty)
            try readMetadata(bytes, try ack.lengthDelimited(bytes), into: &view)
            body(AckEntry(shard: view.shard, id: view.id))
        }
    }

    /// Appends ack frames for messages, in order, as many as the size limit asks for and none for no messages.
    ///
    /// M3 drops all acks of a frame that would be larger than its limit; these are split instead.
    /// - Parameters:
    ///   - messages: views that were read from `bytes`.
    ///   - maxSize: the largest protobuf of a frame, in bytes, at least one entry (about 50 bytes; an entry is never split).
    public static func appendAck(
        of messages: some Sequence<MessageView>, from bytes: RawSpan, maxSize: Int = defaultMaxSize,
        to writer: inout ByteWriter
    ) {
        var start: Int?
        for message in messages {
            if let open = start, writer.count - open - prefixSize + ackEntrySize(message) > maxSize {
                endAck(startedAt: open, in: &writer)
                start = nil
            }
            if start == nil { start = beginAck(in: &writer) }
            appendAckEntry(for: message, from: bytes, to: &writer)
        }
        if let start { endAck(startedAt: start, in: &writer) }
    }

    /// Begins an ack frame that entries are appended to one by one.
    /// - Returns: where it starts, for ``endAck(startedAt:in:)``. Between the two only ack entries may be appended.
    public static func beginAck(in writer: inout ByteWriter) -> Int {
        let start = writer.count
        writer.appendBigEndian(0)
        return start
    }

    /// Writes the frame's length. The caller keeps the frame within the limit of the other end.
    public static func endAck(startedAt start: Int, in writer: inout ByteWriter) {
        writer.setBigEndian(UInt32(truncatingIfNeeded: writer.count - start - prefixSize), at: start)
    }

    /// Bytes that ``appendAckEntry(for:from:to:)`` appends.
    public static func ackEntrySize(_ message: MessageView) -> Int {
        ProtobufSize.message(message.metadataIsScattered ? metadataSize(message) : message.metadata.count)
    }

    /// Appends one entry: the message's metadata as it came.
    /// - Parameter bytes: what the view was read from.
    public static func appendAckEntry(for message: MessageView, from bytes: RawSpan, to writer: inout ByteWriter) {
        if message.metadataIsScattered {
            let size = metadataSize(message)
            writer.appendExactly(ProtobufSize.message(size)) { sink in
                sink.header(tag: 0x0a, count: size)
                sink.metadata(
                    shard: message.shard, id: message.id, sentAtNanos: message.sentAtNanos,
                    producerEpoch: message.producerEpoch)
            }
        } else {
            writer.appendExactly(ProtobufSize.message(message.metadata.count)) { sink in
                sink.header(tag: 0x0a, count: message.metadata.count)
                sink.raw(bytes.extracting(message.metadata.offset..<message.metadata.end))
            }
        }
    }

    private static func metadataSize(_ message: MessageView) -> Int {
        metadataSize(
            shard: message.shard, id: message.id, sentAtNanos: message.sentAtNanos,
            producerEpoch: message.producerEpoch)
    }
}
