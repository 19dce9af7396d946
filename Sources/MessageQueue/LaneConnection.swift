import Logging
import NIOCore
import NIOPosix
import Synchronization

/// One TCP connection of a lane: connecting, waiting to connect again, or open. Only on its event loop.
final class LaneConnection {
    private enum Phase {
        case connecting
        case waiting(Scheduled<Void>)
        case open(any Channel)
        case closed
    }

    let number: Int
    let target: LaneEndpoint
    private let lane: Lane
    private let options: ProducerOptions
    private let logger: Logger
    private var phase = Phase.closed
    private var failures = 0
    private var connectedAt = NIODeadline.uptimeNanoseconds(0)
    private var random: SplitMix64
    private var writesUnderWay = 0
    private var lastProgress = NIODeadline.now()

    init(number: Int, target: LaneEndpoint, lane: Lane, options: ProducerOptions, seed: UInt64, logger: Logger) {
        self.number = number
        self.target = target
        self.lane = lane
        self.options = options
        random = SplitMix64(seed: seed)
        var logger = logger
        logger[metadataKey: "endpoint"] = "\(target.endpoint.host):\(target.endpoint.port)"
        self.logger = logger
    }

    /// The channel, when it takes data now.
    var writableChannel: (any Channel)? {
        if case .open(let channel) = phase, channel.isWritable { return channel }
        return nil
    }

    var hasWritesUnderWay: Bool { writesUnderWay > 0 }

    func connect() {
        phase = .connecting
        var bootstrap = ClientBootstrap(group: lane.eventLoop)
            .connectTimeout(options.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelOption(
                .writeBufferWaterMark,
                value: .init(low: max(1, options.writeBytes), high: max(4_096, options.writeBytes) * 4))
        if let keepAlive = options.keepAlive {
            bootstrap = bootstrap.channelOption(.socketOption(.so_keepalive), value: 1)
            for option in KeepAlive.options(keepAlive) {
                bootstrap = bootstrap.channelOption(option.option, value: option.value)
            }
        }
        bootstrap.channelInitializer { [lane, number, options, host = target.endpoint.host] channel in
            channel.eventLoop.makeCompletedFuture {
                try options.configureChannel?(channel, host)
                try channel.pipeline.syncOperations.addHandler(
                    AckHandler(lane: lane, connection: number, maxFrameBytes: options.maxAckFrameBytes))
            }
        }
        .connect(host: target.endpoint.host, port: target.endpoint.port)
        .hop(to: lane.eventLoop).assumeIsolated()
        .whenComplete { [weak self] result in self?.connectEnded(result) }
    }

    private func connectEnded(_ result: Result<any Channel, any Error>) {
        guard case .connecting = phase else {
            if case .success(let channel) = result { channel.close(promise: nil) }
            return
        }
        switch result {
        case .success(let channel):
            phase = .open(channel)
            failures = 0
            connectedAt = .now()
            writesUnderWay = 0
            target.marks.connected.add(1, ordering: .relaxed)
            logger.debug("connected")
            channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in self?.lost(channel) }
            lane.onLoop.connected(number)
        case .failure(let error):
            failures += 1
            let delay = options.reconnect.nanoseconds(afterAttempt: failures, random: random.next())
            if failures == 1 { logger.info("can't connect; trying again", metadata: ["error": "\(error)"]) }
            wait(.nanoseconds(delay))
        }
    }

    private func lost(_ channel: any Channel) {
        guard case .open(let current) = phase, current === channel else { return }
        target.marks.connected.subtract(1, ordering: .relaxed)
        logger.info("connection lost; connecting again")
        let pause = connectedAt + options.resetDelay - .now()
        phase = .closed
        if pause > .zero { wait(pause) } else { connect() }
        lane.onLoop.lost(number)
    }

    private func wait(_ delay: TimeAmount) {
        phase = .waiting(
            lane.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
                guard let self, case .waiting = phase else { return }
                connect()
            })
    }

    /// Writes without flushing. The connection is open and writable.
    func write(_ bytes: ByteBuffer, to channel: any Channel) {
        if writesUnderWay == 0 { lastProgress = .now() }
        writesUnderWay += 1
        let written = lane.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [weak self] result in
            guard let self else { return }
            writesUnderWay = max(0, writesUnderWay - 1)
            lastProgress = .now()
            // A failed write means a lost connection; everything unacknowledged is sent again.
            if case .failure = result { channel.close(promise: nil) }
        }
        channel.write(bytes, promise: written)
    }

    /// Closes a connection whose peer takes no data.
    func checkWriteTimeout(now: NIODeadline) {
        guard case .open(let channel) = phase, writesUnderWay > 0, now - lastProgress > options.writeTimeout else {
            return
        }
        logger.warning("the peer takes no data; closing the connection")
        channel.close(promise: nil)
    }

    /// Closes for good.
    func close() {
        switch phase {
        case .waiting(let timer): timer.cancel()
        case .open(let channel):
            target.marks.connected.subtract(1, ordering: .relaxed)
            channel.flush()
            channel.close(promise: nil)
        case .connecting, .closed: break
        }
        phase = .closed
    }
}
