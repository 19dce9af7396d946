import NIOCore
import NIOHPACK
import NIOHTTP2

/// One call on its HTTP/2 stream: turns frames into messages and ends exactly once, with nil or the reason.
final class GRPCStreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private var framing: GRPCMessageFraming
    private let onMessage: (ByteBuffer) -> Void
    private let onEnd: (GRPCError?) -> Void
    private var hasEnded = false

    init(maxMessageBytes: Int, onMessage: @escaping (ByteBuffer) -> Void, onEnd: @escaping (GRPCError?) -> Void) {
        framing = GRPCMessageFraming(maxMessageBytes: maxMessageBytes)
        self.onMessage = onMessage
        self.onEnd = onEnd
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasEnded else { return }
        switch unwrapInboundIn(data) {
        case .headers(let frame): received(frame.headers, isLast: frame.endStream, context)
        case .data(let frame):
            guard case .byteBuffer(var bytes) = frame.data else { return }
            framing.append(&bytes)
            do throws(GRPCError) {
                while let message = try framing.next() { onMessage(message) }
            } catch {
                end(error, context)
                return
            }
            if frame.endStream { end(.fromTrailers(status: nil, message: nil), context) }
        case .rstStream(let code):
            end(GRPCError(code: .unavailable, message: "the member reset the stream (\(code))"), context)
        default: break
        }
    }

    private func received(_ headers: HPACKHeaders, isLast: Bool, _ context: ChannelHandlerContext) {
        if let status = headers.first(name: "grpc-status") {
            end(.fromTrailers(status: status, message: headers.first(name: "grpc-message")), context)
        } else if let http = headers.first(name: ":status"), http != "200" {
            end(.fromHTTP(status: http), context)
        } else if isLast {
            end(.fromTrailers(status: nil, message: nil), context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(GRPCError(code: .unavailable, message: "\(error)"), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(GRPCError(code: .unavailable, message: "the connection was closed"), context)
        context.fireChannelInactive()
    }

    private func end(_ error: GRPCError?, _ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        hasEnded = true
        onEnd(error)
        context.close(promise: nil)
    }
}
