import NIOCore
import Synchronization
import Telemetry

/// A producer's connection, as the consumer of its messages sees it. All methods may be called from any thread.
public final class ConsumerConnection: Sendable {
    /// Fired through the pipeline by other threads.
    enum Request: Sendable { case armTimer, flush, close }

    /// The peer's address, for messages.
    public let peer: String
    public let eventLoop: any EventLoop
    let channel: any Channel
    let flow: ReadFlow
    private let pending: Mutex<AckBuffer>
    private let flushBytes: Int
    private let flushRequested = Atomic<Bool>(false)
    let timerIsArmed = Atomic<Bool>(false)
    private let hasClosed = Atomic<Bool>(false)
    private let instruments: ConsumerInstruments

    init(channel: any Channel, options: ConsumerOptions, instruments: ConsumerInstruments) {
        self.channel = channel
        eventLoop = channel.eventLoop
        peer = channel.remoteAddress?.description ?? "unknown"
        flow = ReadFlow(channel: channel, limit: options.maxUnacknowledgedBytes)
        pending = Mutex(AckBuffer(maxFrameBytes: options.maxFrameBytes))
        flushBytes = options.ackFlushBytes
        self.instruments = instruments
    }

    /// False once the connection has gone; acknowledging is then without effect.
    public var isOpen: Bool { !hasClosed.load(ordering: .relaxed) }

    /// Acknowledges all messages of the batch: the producer forgets them. They are sent together with others, after at
    /// most ``ConsumerOptions/ackFlushInterval``.
    public func acknowledge(_ batch: MessageBatch) {
        acknowledge(count: batch.messages.count) { $0.append(contentsOf: batch.messages, in: batch.buffer) }
    }

    /// Acknowledges the messages at these indices of the batch; others are ignored. A message that is never
    /// acknowledged is sent again by its producer.
    public func acknowledge(_ batch: MessageBatch, indices: some Sequence<Int>) {
        let messages = indices.compactMap { batch.messages.indices.contains($0) ? batch.messages[$0] : nil }
        acknowledge(count: messages.count) { $0.append(contentsOf: messages, in: batch.buffer) }
    }

    private func acknowledge(count: Int, _ append: (inout AckBuffer) -> Void) {
        guard count > 0 else { return }
        guard isOpen else {
            instruments.acksDropped.add(count)
            return
        }
        let bytes = pending.withLock { pending in
            append(&pending)
            return pending.byteCount
        }
        guard isOpen else { return dropAcks() }
        if bytes >= flushBytes, !flushRequested.exchange(true, ordering: .acquiringAndReleasing) {
            request(.flush)
        } else if !timerIsArmed.load(ordering: .sequentiallyConsistent) {
            request(.armTimer)
        }
    }

    /// Stops reading from this connection after the read under way, until as many ``resumeReading()`` follow.
    public func pauseReading() { flow.pause() }

    /// Takes back one ``pauseReading()``.
    public func resumeReading() { flow.resume() }

    /// Sends pending acknowledgements and closes.
    public func close() { request(.close) }

    private func request(_ request: Request) {
        eventLoop.execute { [channel] in channel.pipeline.fireUserInboundEventTriggered(request) }
    }

    /// Bytes of acknowledgements that wait to be sent.
    var pendingBytes: Int { pending.withLock { $0.byteCount } }

    func takeAcks() -> (frames: ByteBuffer, entries: Int)? {
        flushRequested.store(false, ordering: .releasing)
        return pending.withLock { pending in
            let entries = pending.entries
            instruments.acksDropped.add(pending.takeOversized())
            return pending.take().map { ($0, entries) }
        }
    }

    func markClosed() {
        hasClosed.store(true, ordering: .sequentiallyConsistent)
        dropAcks()
    }

    private func dropAcks() {
        if let lost = takeAcks() { instruments.acksDropped.add(lost.entries) }
    }
}
