import Logging
import NIOCore
import Synchronization
import Telemetry
import WireFormat

/// One connection of a consumer server: bytes in, batches out, acknowledgements back.
final class ConsumerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case open
        /// Reads no more and waits for the consumer to acknowledge what it holds.
        case draining(until: NIODeadline)
        /// Has sent everything and shut its side; discards what the peer still sends, so that the acknowledgements
        /// aren't lost to a reset.
        case lingering(until: NIODeadline)
        case closed
    }

    private let connection: ConsumerConnection
    private let consumer: any MessageConsumer
    private let options: ConsumerOptions
    private let instruments: ConsumerInstruments
    private let logger: Logger
    private var cutter: FrameCutter
    private var frames: [ByteRange] = []
    private var phase = Phase.open
    private var closeReason = ConsumerCloseReason.endOfStream
    private var isReading = false
    private var writeStarted: NIODeadline?
    private var lastRead = NIODeadline.now()

    init(
        connection: ConsumerConnection, consumer: any MessageConsumer, options: ConsumerOptions,
        instruments: ConsumerInstruments, logger: Logger
    ) {
        self.connection = connection
        self.consumer = consumer
        self.options = options
        self.instruments = instruments
        self.logger = logger
        cutter = FrameCutter(maxFrameBytes: options.maxFrameBytes)
    }

    func channelActive(context: ChannelHandlerContext) {
        instruments.opened.add(1)
        instruments.connections.add(1)
        if options.idleTimeout != nil { armTimer(context: context) }
        readIfAllowed(context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { finish() }

    private func finish() {
        if case .closed = phase { return }
        countTruncation()
        phase = .closed
        connection.markClosed()
        instruments.connections.add(-1)
        instruments.countClosed(closeReason)
        consumer.connectionClosed(connection)
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var read = unwrapInboundIn(data)
        isReading = false
        lastRead = .now()
        guard case .open = phase else { return }
        instruments.bytes.add(read.readableBytes)
        if read.readableBytes <= read.storageCapacity / 16 {
            // A consumer that holds on to small reads would otherwise keep a whole read buffer for each.
            read = context.channel.allocator.buffer(buffer: read)
        }
        frames.removeAll(keepingCapacity: true)
        let cut = cutter.cut(read, into: &frames)
        if let carried = cut.carried {
            deliver(carried, [ByteRange(offset: 0, count: carried.readableBytes)], context: context)
        }
        if !frames.isEmpty { deliver(read, frames, context: context) }
        if case .frameTooLarge(let bytes, let limit) = cut.failure {
            fail(.tooLarge, "frame of \(bytes) bytes exceeds the limit of \(limit)", context: context)
        }
        if !connection.timerIsArmed.load(ordering: .relaxed) { armTimer(context: context) }
    }

    private func deliver(_ buffer: ByteBuffer, _ frames: [ByteRange], context: ChannelHandlerContext) {
        guard case .open = phase else { return }
        var messages: [MessageView] = []
        messages.reserveCapacity(frames.count)
        var failure: WireError?
        buffer.withUnsafeReadableBytes { raw in
            let bytes = raw.bytes
            for frame in frames {
                do throws(WireError) {
                    messages.append(try M3MsgFrame.readMessage(bytes, in: frame))
                } catch {
                    failure = error
                    break
                }
            }
        }
        if !messages.isEmpty {
            instruments.decoded.add(messages.count)
            let charge = buffer.storageCapacity + messages.count * MemoryLayout<MessageView>.stride
            let lease = BatchLease(flow: connection.flow, charge: charge)
            consumer.consume(MessageBatch(buffer: buffer, messages: messages, lease: lease), from: connection)
        }
        if let failure { fail(.undecodable(failure.reason), "\(failure)", context: context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        readIfAllowed(context: context)
        context.fireChannelReadComplete()
    }

    private func readIfAllowed(context: ChannelHandlerContext) {
        guard !isReading else { return }
        switch phase {
        case .open:
            guard connection.pendingBytes <= options.maxPendingAckBytes, connection.flow.mayRead() else { return }
        case .lingering: break
        case .draining, .closed: return
        }
        isReading = true
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ReadFlow.Resume: readIfAllowed(context: context)
        case let request as ConsumerConnection.Request:
            switch request {
            case .armTimer: if !connection.timerIsArmed.load(ordering: .relaxed) { armTimer(context: context) }
            case .flush: flushAcks(context: context)
            case .close: drain(.requested, context: context)
            }
        case let event as ChannelEvent where event == .inputClosed:
            if case .lingering = phase {
                context.close(promise: nil)
            } else {
                countTruncation()
                drain(.endOfStream, context: context)
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func countTruncation() {
        guard case .open = phase, cutter.isMidFrame else { return }
        instruments.countBad(.truncated)
        logger.info("producer connection ended in the middle of a frame", metadata: ["peer": "\(connection.peer)"])
        cutter = FrameCutter(maxFrameBytes: options.maxFrameBytes)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.info("producer connection failed", metadata: ["peer": "\(connection.peer)", "error": "\(error)"])
        close(.readError, context: context)
    }

    // MARK: Acknowledging

    private func flushAcks(context: ChannelHandlerContext) {
        // One write at a time: what a slow peer doesn't take stays in the one pending buffer, which has a limit.
        guard writeStarted == nil, let acks = connection.takeAcks() else { return }
        writeStarted = .now()
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] result in
            writeStarted = nil
            switch result {
            case .success:
                instruments.acks.add(acks.entries)
                readIfAllowed(context: context)
            case .failure:
                instruments.acksDropped.add(acks.entries)
                close(.writeError, context: context)
            }
        }
        context.writeAndFlush(wrapOutboundOut(acks.frames), promise: written)
    }

    private func armTimer(context: ChannelHandlerContext) {
        connection.timerIsArmed.store(true, ordering: .sequentiallyConsistent)
        var delay = options.ackFlushInterval
        if case .open = phase {} else { delay = min(delay, .milliseconds(10)) }
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
            self?.tick(context: context)
        }
    }

    private func tick(context: ChannelHandlerContext) {
        if case .closed = phase { return }
        connection.timerIsArmed.store(false, ordering: .sequentiallyConsistent)
        let now = NIODeadline.now()
        // Before the acknowledgements: a batch is released only after its acknowledgements are pending.
        let held = connection.flow.held
        flushAcks(context: context)
        if let started = writeStarted, now - started > options.writeTimeout {
            return close(.writeTimeout, context: context)
        }
        switch phase {
        case .open:
            if let idle = options.idleTimeout, isReading, now - lastRead > idle {
                return drain(.idle, context: context)
            }
        case .draining(let until):
            if held == 0 || now >= until { sayGoodbye(context: context) }
        case .lingering(let until):
            if now >= until { return close(closeReason, context: context) }
        case .closed: return
        }
        var isOpen = false
        if case .open = phase { isOpen = true }
        if !isOpen || held > 0 || writeStarted != nil || options.idleTimeout != nil || connection.pendingBytes > 0 {
            armTimer(context: context)
        }
    }

    // MARK: Closing

    private func fail(_ frame: ConsumerInstruments.BadFrame, _ why: String, context: ChannelHandlerContext) {
        guard case .open = phase else { return }
        instruments.countBad(frame)
        logger.warning(
            "bad frame; closing the producer connection",
            metadata: ["peer": "\(connection.peer)", "reason": "\(frame.reason)", "error": "\(why)"])
        drain(.badFrame, context: context)
    }

    private func drain(_ reason: ConsumerCloseReason, context: ChannelHandlerContext) {
        guard case .open = phase else { return }
        closeReason = reason
        phase = .draining(until: .now() + options.closeDrain)
        armTimer(context: context)
    }

    private func sayGoodbye(context: ChannelHandlerContext) {
        guard writeStarted == nil else { return }
        phase = .lingering(until: .now() + options.closeDrain)
        if closeReason == .endOfStream {
            context.close(promise: nil)
        } else {
            context.close(mode: .output, promise: nil)
            readIfAllowed(context: context)
        }
    }

    private func close(_ reason: ConsumerCloseReason, context: ChannelHandlerContext) {
        if case .open = phase { closeReason = reason }
        context.close(promise: nil)
    }
}
