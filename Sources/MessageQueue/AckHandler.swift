import NIOCore
import WireFormat

/// Reads acknowledgements from a producer's connection.
final class AckHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let lane: Lane
    private let connection: Int
    private var cutter: FrameCutter
    private var frames: [ByteRange] = []

    init(lane: Lane, connection: Int, maxFrameBytes: Int) {
        self.lane = lane
        self.connection = connection
        cutter = FrameCutter(maxFrameBytes: maxFrameBytes)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let read = unwrapInboundIn(data)
        frames.removeAll(keepingCapacity: true)
        let cut = cutter.cut(read, into: &frames)
        var error: (any Error)? = cut.failure
        if let carried = cut.carried {
            error = take(carried, [ByteRange(offset: 0, count: carried.readableBytes)]) ?? error
        }
        error = take(read, frames) ?? error
        if let error {
            lane.onLoop.logBadAck(error)
            context.close(promise: nil)
        }
    }

    private func take(_ buffer: ByteBuffer, _ frames: [ByteRange]) -> WireError? {
        guard !frames.isEmpty else { return nil }
        let core = lane.onLoop
        return buffer.withUnsafeReadableBytes { raw in
            for frame in frames {
                do throws(WireError) {
                    try core.takeAcks(raw.bytes, in: frame)
                } catch {
                    return error
                }
            }
            return nil
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        lane.onLoop.acksTaken()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { lane.onLoop.pump() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
