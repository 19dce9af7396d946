import Logging
import NIOCore
import Telemetry
import WireFormat

/// One raw TCP connection: bytes in, batches out. Nothing is ever written.
final class RawTCPHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let flow: ReadFlow
    private let peer: String
    private let consumer: any RawTCPConsumer
    private let instruments: RawTCPInstruments
    private var cutter: RawTCPCutter
    private var payloads: [ByteRange] = []
    private var isOpen = true
    private var isReading = false

    init(
        channel: any Channel, consumer: any RawTCPConsumer, options: RawTCPOptions, instruments: RawTCPInstruments
    ) {
        flow = ReadFlow(channel: channel, limit: options.maxUnprocessedBytes)
        peer = channel.remoteAddress?.description ?? "unknown"
        self.consumer = consumer
        self.instruments = instruments
        cutter = RawTCPCutter(maxFrameBytes: options.maxFrameBytes)
    }

    func channelActive(context: ChannelHandlerContext) {
        instruments.opened.add(1 as UInt64)
        instruments.connections.add(1)
        readIfAllowed(context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isOpen, cutter.isMidFrame {
            broken("truncated_frame", "the stream ended in the middle of a frame")
        }
        isOpen = false
        instruments.connections.add(-1)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var read = unwrapInboundIn(data)
        isReading = false
        guard isOpen else { return }
        instruments.bytes.add(read.readableBytes)
        if read.readableBytes <= read.storageCapacity / 16 {
            // A worker that holds on to small reads would otherwise keep a whole read buffer for each.
            read = context.channel.allocator.buffer(buffer: read)
        }
        payloads.removeAll(keepingCapacity: true)
        let cut = cutter.cut(read, into: &payloads)
        if let carried = cut.carried {
            deliver(carried, [ByteRange(offset: 0, count: carried.readableBytes)], context: context)
        }
        if !payloads.isEmpty { deliver(read, payloads, context: context) }
        if isOpen, let failure = cut.failure { fail(failure.reason, "\(failure)", context: context) }
    }

    private func deliver(_ buffer: ByteBuffer, _ payloads: [ByteRange], context: ChannelHandlerContext) {
        guard isOpen else { return }
        instruments.payloads.add(payloads.count)
        if let refusal = consumer.consume(RawTCPBatch(buffer: buffer, payloads: payloads, flow: flow)) {
            fail(refusal.reason, refusal.description, context: context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        readIfAllowed(context: context)
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ReadFlow.Resume {
            readIfAllowed(context: context)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func readIfAllowed(context: ChannelHandlerContext) {
        guard isOpen, !isReading, flow.mayRead() else { return }
        isReading = true
        context.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isOpen { broken("read_error", "\(error)") }
        isOpen = false
        context.close(promise: nil)
    }

    private func fail(_ reason: String, _ why: String, context: ChannelHandlerContext) {
        broken(reason, why)
        isOpen = false
        context.close(promise: nil)
    }

    private func broken(_ reason: String, _ why: String) {
        instruments.countBroken(reason)
        let seconds = Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000_000)
        instruments.log(
            "raw TCP connection ended early", ["peer": "\(peer)", "reason": "\(reason)", "error": "\(why)"],
            now: seconds)
    }
}
