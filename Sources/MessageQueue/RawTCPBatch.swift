import NIOCore
import WireFormat

/// All complete payloads of one socket read, with the buffer that they lie in. It counts against the connection's limit
/// of unprocessed bytes until the last copy of it, or of the batch made from it, is gone.
public struct RawTCPBatch: Sendable {
    /// The bytes of the read. Ranges in ``payloads`` count from its reader index.
    public let buffer: ByteBuffer
    /// In the order of arrival.
    public let payloads: [ByteRange]
    private let lease: BatchLease

    init(buffer: ByteBuffer, payloads: [ByteRange], flow: ReadFlow) {
        self.buffer = buffer
        self.payloads = payloads
        lease = BatchLease(
            flow: flow, charge: buffer.storageCapacity + payloads.count * MemoryLayout<MessageView>.stride)
    }

    /// The same bytes as messages, for those who take m3msg's batches.
    public func messages(_ views: [MessageView]) -> MessageBatch {
        MessageBatch(buffer: buffer, messages: views, lease: lease)
    }
}

/// What a raw TCP server hands payloads to.
public protocol RawTCPConsumer: AnyObject, Sendable {
    /// Takes the payloads of one read. Called on the connection's event loop, in the order of arrival. It must not block.
    /// - Returns: why the connection has to end, when one of the payloads was no metric; those behind it are lost.
    func consume(_ batch: RawTCPBatch) -> RawTCPRefusal?
}

/// A payload that costs its connection.
public struct RawTCPRefusal: Sendable, Equatable {
    /// A stable name for counters.
    public var reason: String
    public var description: String

    public init(reason: String, description: String) {
        self.reason = reason
        self.description = description
    }
}
