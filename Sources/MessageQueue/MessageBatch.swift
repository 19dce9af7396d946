import NIOCore
import WireFormat

/// All complete messages of one socket read, with the buffer that they lie in.
///
/// A batch keeps its read buffer alive and counts against the connection's limit of unacknowledged bytes until the last
/// copy of it is gone (see ``ConsumerOptions/maxUnacknowledgedBytes``). Source: `docs/message-queue.md`, "Consumer".
public struct MessageBatch: Sendable {
    /// The bytes of the read. Ranges in ``messages`` count from its reader index.
    public let buffer: ByteBuffer
    /// The messages in the order in which they arrived.
    public let messages: [MessageView]
    let lease: BatchLease?

    /// A batch that belongs to no connection, for tests of consumers and for replays.
    public init(buffer: ByteBuffer, messages: [MessageView]) {
        self.init(buffer: buffer, messages: messages, lease: nil)
    }

    init(buffer: ByteBuffer, messages: [MessageView], lease: BatchLease?) {
        self.buffer = buffer
        self.messages = messages
        self.lease = lease
    }

    /// Runs `body` with the bytes that the ranges of ``messages`` refer to.
    @inlinable
    public func withBytes<Result>(_ body: (RawSpan) throws -> Result) rethrows -> Result {
        try buffer.withUnsafeReadableBytes { try body($0.bytes) }
    }
}

/// Gives the bytes of a batch back to its connection's account when the last copy of the batch goes.
final class BatchLease: Sendable {
    private let flow: ReadFlow
    private let charge: Int

    init(flow: ReadFlow, charge: Int) {
        self.flow = flow
        self.charge = charge
        flow.charge(charge)
    }

    deinit { flow.release(charge) }
}

/// What a consumer server hands its messages to.
public protocol MessageConsumer: AnyObject, Sendable {
    /// Takes the messages of one read. Called on the connection's event loop, in the order of arrival, usually once per
    /// read and once more when a message that began in an earlier read is completed. It must not block.
    func consume(_ batch: MessageBatch, from connection: ConsumerConnection)

    /// Tells that a connection has gone; acknowledgements for it are discarded from now on. Called on its event loop.
    func connectionClosed(_ connection: ConsumerConnection)
}

extension MessageConsumer {
    public func connectionClosed(_ connection: ConsumerConnection) {}
}
