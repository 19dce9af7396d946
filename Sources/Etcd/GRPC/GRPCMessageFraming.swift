import NIOCore

/// Cuts a stream into messages: a byte that says whether one is compressed, its length in four bytes (big-endian), the message.
struct GRPCMessageFraming {
    static let headerBytes = 5

    private var buffer = ByteBuffer()
    private let maxMessageBytes: Int

    init(maxMessageBytes: Int) {
        self.maxMessageBytes = maxMessageBytes
    }

    mutating func append(_ bytes: inout ByteBuffer) {
        if buffer.readableBytes == 0 { buffer = bytes } else { buffer.writeBuffer(&bytes) }
    }

    /// The next whole message; nil until more has come. Throws for a compressed or too large one.
    mutating func next() throws(GRPCError) -> ByteBuffer? {
        let start = buffer.readerIndex
        guard let compressed = buffer.getInteger(at: start, as: UInt8.self),
            let length = buffer.getInteger(at: start + 1, as: UInt32.self)
        else { return nil }
        guard compressed == 0 else {
            throw GRPCError(code: .internal, message: "the response is compressed, which was not asked for")
        }
        guard length <= maxMessageBytes else {
            throw GRPCError(
                code: .resourceExhausted, message: "a message of \(length) bytes, the limit is \(maxMessageBytes)")
        }
        guard let message = buffer.getSlice(at: start + Self.headerBytes, length: Int(length)) else { return nil }
        buffer.moveReaderIndex(forwardBy: Self.headerBytes + Int(length))
        buffer.discardReadBytes()
        return message
    }

    /// The message with its header in front.
    static func framed(_ message: [UInt8], allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: headerBytes + message.count)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(truncatingIfNeeded: message.count))
        buffer.writeBytes(message)
        return buffer
    }
}
