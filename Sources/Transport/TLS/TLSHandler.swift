import NIOCore
import NIOTLS

/// Encrypts a connection; the first handler of its pipeline. A client's `connect` succeeds when the handshake is complete. Source:
/// `docs/tls.md`, "Connections".
///
/// Fires NIO's `TLSUserEvent`s. `close(mode: .output)` says close_notify and shuts the TCP side; a peer's close_notify is
/// `ChannelEvent.inputClosed` where half-closure is allowed, else it closes the connection.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    struct Settings {
        var handshakeTimeout: TimeAmount
        /// Protocols of which the peer must have chosen one; empty: any or none.
        var requiredProtocols: [String] = []
        /// Bytes that wait for the handshake.
        var maxQueuedBytes = 4_194_304
        /// Whether the handler behind asked for bytes before this one came into the pipeline.
        var readIsPending = false
    }

    private enum Phase { case idle, handshaking, open, closed }

    private let session: TLSSession
    private let settings: Settings
    private var phase = Phase.idle
    private var connectPromise: EventLoopPromise<Void>?
    private var queue: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var queuedBytes = 0
    private var flushIsQueued = false
    private var queuedOutputClose: (promise: EventLoopPromise<Void>?, isWanted: Bool) = (nil, false)
    private var timer: Scheduled<Void>?
    private var readIsPending: Bool
    private var hasDelivered = false
    private var inputHasEnded = false
    private var outputIsClosed = false

    init(session: TLSSession, settings: Settings) {
        self.session = session
        self.settings = settings
        readIsPending = settings.readIsPending
    }

    // MARK: Beginning

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(context, ChannelError.ioOnClosedChannel) }

    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    func connect(context: ChannelHandlerContext, to address: SocketAddress, promise: EventLoopPromise<Void>?) {
        connectPromise = promise
        let connected = context.eventLoop.makePromise(of: Void.self)
        connected.futureResult.assumeIsolated().whenFailure { error in self.failConnect(error) }
        context.connect(to: address, promise: connected)
    }

    private func failConnect(_ error: any Error) {
        connectPromise?.fail(error)
        connectPromise = nil
    }

    private func start(_ context: ChannelHandlerContext) {
        guard phase == .idle else { return }
        phase = .handshaking
        let time = settings.handshakeTimeout
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            guard self.phase == .handshaking else { return }
            self.fail(context, .handshakeTimedOut(.nanoseconds(time.nanoseconds)))
        }
        handshake(context)
        if phase == .handshaking { context.read() }
    }

    private func handshake(_ context: ChannelHandlerContext) {
        let step = session.handshake()
        sendOutput(context)
        switch step {
        case .needsMore: break
        case .failed(let error): fail(context, error)
        case .done: open(context)
        }
    }

    private func open(_ context: ChannelHandlerContext) {
        let chosen = session.negotiatedProtocol
        guard settings.requiredProtocols.isEmpty || chosen.map(settings.requiredProtocols.contains) == true else {
            return fail(context, .noProtocolChosen(wanted: settings.requiredProtocols))
        }
        phase = .open
        timer?.cancel()
        timer = nil
        connectPromise?.succeed()
        connectPromise = nil
        let waiting = queue
        queue = []
        queuedBytes = 0
        for (bytes, promise) in waiting { send(context, bytes, promise) }
        if flushIsQueued { context.flush() }
        context.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: chosen))
        if queuedOutputClose.isWanted { closeOutput(context, queuedOutputClose.promise) }
        queuedOutputClose = (nil, false)
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        readIsPending = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .closed, !inputHasEnded else { return }
        session.receive(unwrapInboundIn(data))
        if phase == .handshaking { handshake(context) }
        if phase == .open { decrypt(context) }
    }

    private func decrypt(_ context: ChannelHandlerContext) {
        let decrypted = session.decrypt(allocator: context.channel.allocator)
        sendOutput(context)
        if decrypted.plain.readableBytes > 0 {
            hasDelivered = true
            readIsPending = false
            context.fireChannelRead(wrapInboundOut(decrypted.plain))
        }
        if let failure = decrypted.failure { return fail(context, failure) }
        if decrypted.hasEnded { inputEnded(context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if hasDelivered {
            hasDelivered = false
            context.fireChannelReadComplete()
        }
        // What came was no data for the handler that asked for some.
        if phase == .handshaking || (phase == .open && readIsPending && !inputHasEnded) { context.read() }
    }

    /// The peer said close_notify.
    private func inputEnded(_ context: ChannelHandlerContext) {
        guard !inputHasEnded else { return }
        inputHasEnded = true
        let allowed = try? context.channel.syncOptions?.getOption(.allowRemoteHalfClosure)
        if allowed == true {
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            // Goes on reading, to learn that the connection has gone.
            if phase == .open { context.read() }
        } else {
            context.fireUserInboundEventTriggered(TLSUserEvent.shutdownCompleted)
            close(context: context, mode: .all, promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        switch phase {
        case .idle, .handshaking:
            fail(context, .handshakeFailed(reason: "the peer closed the connection before it was complete"))
        case .open where !inputHasEnded:
            inputHasEnded = true
            context.fireErrorCaught(TLSError.truncated)
            context.fireUserInboundEventTriggered(event)
        case .open, .closed: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch phase {
        case .idle, .handshaking:
            context.fireErrorCaught(
                TLSError.handshakeFailed(reason: "the peer closed the connection before it was complete"))
        case .open where !inputHasEnded: context.fireErrorCaught(TLSError.truncated)
        case .open, .closed: break
        }
        end(context, TLSError.handshakeFailed(reason: "the connection was closed before it was complete"))
        context.fireChannelInactive()
    }

    // MARK: Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        switch phase {
        case .idle, .handshaking:
            guard queuedBytes + bytes.readableBytes <= settings.maxQueuedBytes else {
                promise?.fail(TLSError.queueFull(limit: settings.maxQueuedBytes))
                return
            }
            queuedBytes += bytes.readableBytes
            queue.append((bytes, promise))
        case .open: send(context, bytes, promise)
        case .closed: promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    private func send(_ context: ChannelHandlerContext, _ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        guard !outputIsClosed else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        do throws(TLSError) {
            try session.encrypt(bytes)
        } catch {
            promise?.fail(error)
            return fail(context, error)
        }
        context.write(wrapOutboundOut(session.takeOutput() ?? ByteBuffer()), promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        if phase == .open { context.flush() } else { flushIsQueued = true }
    }

    /// Sends what the session itself has to say.
    private func sendOutput(_ context: ChannelHandlerContext) {
        if let output = session.takeOutput() { context.writeAndFlush(wrapOutboundOut(output), promise: nil) }
    }

    // MARK: Ending

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, phase) {
        case (.output, .idle), (.output, .handshaking):
            guard !queuedOutputClose.isWanted else {
                promise?.fail(ChannelError.outputClosed)
                return
            }
            queuedOutputClose = (promise, true)
        case (.output, .open): closeOutput(context, promise)
        case (.all, .open):
            phase = .closed
            if !outputIsClosed {
                session.closeNotify()
                sendOutput(context)
            }
            context.close(mode: .all, promise: promise)
        case (.all, .idle), (.all, .handshaking):
            end(context, ChannelError.ioOnClosedChannel)
            context.close(mode: .all, promise: promise)
        default: context.close(mode: mode, promise: promise)
        }
    }

    private func closeOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        guard !outputIsClosed else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        outputIsClosed = true
        session.closeNotify()
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: context.close(mode: .output, promise: promise)
            case .failure(let error): promise?.fail(error)
            }
        }
        context.writeAndFlush(wrapOutboundOut(session.takeOutput() ?? ByteBuffer()), promise: written)
    }

    /// Tells the handlers behind, and whoever connects, and closes.
    private func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
        guard phase != .closed else { return }
        end(context, error)
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    private func end(_ context: ChannelHandlerContext, _ error: any Error) {
        phase = .closed
        timer?.cancel()
        timer = nil
        failConnect(error)
        let waiting = queue
        queue = []
        queuedBytes = 0
        for (_, promise) in waiting { promise?.fail(error) }
        queuedOutputClose.promise?.fail(error)
        queuedOutputClose = (nil, false)
    }
}
