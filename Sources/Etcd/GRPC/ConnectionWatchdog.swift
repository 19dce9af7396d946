import NIOCore
import NIOHTTP2

/// Ends a connection whose other side no longer answers: after a silent period it sends a PING, and whatever arrives counts as the
/// answer. Stands behind the HTTP/2 handler, which hands on frames of the connection itself.
final class ConnectionWatchdog: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let period: TimeAmount
    private let timeout: TimeAmount
    private let onGoingAway: @Sendable () -> Void
    private var timer: Scheduled<Void>?
    private var hasHeard = false

    init(period: TimeAmount, timeout: TimeAmount, onGoingAway: @escaping @Sendable () -> Void) {
        self.period = period
        self.timeout = timeout
        self.onGoingAway = onGoingAway
    }

    func handlerAdded(context: ChannelHandlerContext) {
        listen(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // The member finishes what it has and takes no more calls.
        if case .goAway = unwrapInboundIn(data).payload { onGoingAway() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        hasHeard = true
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        onGoingAway()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func listen(_ context: ChannelHandlerContext) {
        hasHeard = false
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: period) {
            if self.hasHeard { self.listen(context) } else { self.ping(context) }
        }
    }

    private func ping(_ context: ChannelHandlerContext) {
        let frame = HTTP2Frame(streamID: .rootStream, payload: .ping(HTTP2PingData(withInteger: 1), ack: false))
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            if self.hasHeard { self.listen(context) } else { context.close(promise: nil) }
        }
    }
}
