import NIOCore

/// Looks at the first byte of a connection to a server: TLS begins with 0x16. Puts a ``TLSHandler`` behind itself, or nothing, and
/// leaves the pipeline. Source: `docs/tls.md`, "Modes".
final class TLSDetector: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let handshakeRecord: UInt8 = 0x16

    private let isEnforced: Bool
    private let timeout: TimeAmount
    private let makeHandler: () throws -> TLSHandler
    private var timer: Scheduled<Void>?
    private var isDone = false

    /// - Parameters:
    ///   - isEnforced: closes connections that begin with something else, or with nothing until the timeout.
    ///   - makeHandler: called for a connection with TLS.
    init(isEnforced: Bool, timeout: TimeAmount, makeHandler: @escaping () throws -> TLSHandler) {
        self.isEnforced = isEnforced
        self.timeout = timeout
        self.makeHandler = makeHandler
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard isEnforced, timer == nil else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            self.refuse(context, .handshakeTimedOut(.nanoseconds(self.timeout.nanoseconds)))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return context.fireChannelRead(data) }
        let bytes = unwrapInboundIn(data)
        guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return }
        if first == Self.handshakeRecord {
            do {
                try context.pipeline.syncOperations.addHandler(makeHandler(), position: .after(self))
            } catch {
                isDone = true
                context.fireErrorCaught(error)
                return context.close(promise: nil)
            }
        } else if isEnforced {
            return refuse(context, .notTLS)
        }
        isDone = true
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func refuse(_ context: ChannelHandlerContext, _ error: TLSError) {
        guard !isDone else { return }
        isDone = true
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }
}
