import NIOCore
import WireFormat

/// Acknowledgements that wait to be sent, already encoded as frames.
///
/// An entry is a message's metadata exactly as it came, so that whatever a producer put there returns to it. A frame
/// never exceeds the limit: where M3 discards a list of acknowledgements that has grown too long, this begins a new frame.
struct AckBuffer: ~Copyable {
    private let maxFrameBytes: Int
    private var writer = ByteWriter()
    /// Where the frame under construction starts.
    private var frameStart: Int?
    /// Entries taken up since the last `take`.
    private(set) var entries = 0
    private var oversized = 0
    /// Memory is kept from one flush to the next up to this many bytes, twice what is usually sent at once.
    private static let keptBytes = 131_072

    init(maxFrameBytes: Int) { self.maxFrameBytes = maxFrameBytes }

    var byteCount: Int { writer.count }

    mutating func append(contentsOf messages: [MessageView], in buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { raw in
            let bytes = raw.bytes
            for message in messages { append(message, from: bytes) }
        }
    }

    private mutating func append(_ message: MessageView, from bytes: RawSpan) {
        let size = M3MsgFrame.ackEntrySize(message)
        guard size <= maxFrameBytes else {
            oversized += 1
            return
        }
        if let start = frameStart, writer.count - start - M3MsgFrame.prefixSize + size > maxFrameBytes { endFrame() }
        if frameStart == nil { frameStart = M3MsgFrame.beginAck(in: &writer) }
        M3MsgFrame.appendAckEntry(for: message, from: bytes, to: &writer)
        entries += 1
    }

    /// All frames, ready to be written; nil when there is nothing to send.
    mutating func take() -> ByteBuffer? {
        guard entries > 0 else { return nil }
        endFrame()
        let taken = writer.withUnsafeBytes { ByteBuffer(bytes: $0) }
        writer.removeAll(keepingCapacity: writer.count <= Self.keptBytes)
        entries = 0
        return taken
    }

    /// Entries that alone exceed a frame and were left out, since the last call.
    mutating func takeOversized() -> Int {
        defer { oversized = 0 }
        return oversized
    }

    private mutating func endFrame() {
        guard let start = frameStart else { return }
        M3MsgFrame.endAck(startedAt: start, in: &writer)
        frameStart = nil
    }
}
