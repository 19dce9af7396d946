import NIOCore

/// Payloads for one topic, admitted or refused together by ``Producer/produce(_:)``.
///
/// The buffer is retained, not copied, until every message of the batch is acknowledged or dropped. Batches of 16 KiB to
/// 1 MiB are good sizes: memory is given back by the batch.
public struct PayloadBatch: Sendable {
    /// One payload: `length` bytes at `offset` from the buffer's reader index, for `shard` of the topic.
    public struct Entry: Sendable, Equatable {
        public var shard: UInt32
        public var offset: UInt32
        public var length: UInt32

        @inlinable
        public init(shard: UInt32, offset: Int, length: Int) {
            self.shard = shard
            self.offset = UInt32(clamping: offset)
            self.length = UInt32(clamping: length)
        }
    }

    public var bytes: ByteBuffer
    public var entries: [Entry]
    /// Told when the messages have ended.
    public var completion: BatchCompletion?

    @inlinable
    public init(bytes: ByteBuffer = ByteBuffer(), entries: [Entry] = []) {
        self.bytes = bytes
        self.entries = entries
    }

    /// The batch with a buffer of its own when most of its buffer's memory isn't the batch's: what a queue retains must
    /// not exceed what it is charged for by much.
    func compacted() -> PayloadBatch {
        guard bytes.storageCapacity / 2 > bytes.readableBytes, bytes.storageCapacity > Self.slackBytes else {
            return self
        }
        var copy = PayloadBatch(bytes: ByteBuffer(bytes: bytes.readableBytesView), entries: entries)
        copy.completion = completion
        return copy
    }

    private static let slackBytes = 16_384

    /// Copies one payload to the end of the batch.
    @inlinable
    public mutating func append(shard: UInt32, _ payload: UnsafeRawBufferPointer) {
        entries.append(Entry(shard: shard, offset: bytes.readableBytes, length: payload.count))
        bytes.writeBytes(payload)
    }

    /// Copies one payload to the end of the batch.
    @inlinable
    public mutating func append(shard: UInt32, _ payload: some Sequence<UInt8>) {
        let start = bytes.readableBytes
        bytes.writeBytes(payload)
        entries.append(Entry(shard: shard, offset: start, length: bytes.readableBytes - start))
    }
}
