import Logging
import NIOCore
import Telemetry
import WireFormat

/// A lane's state and the carrying out of what its queues want; only on its event loop.
final class LaneCore {
    private var group: QueueGroup
    private let eventLoop: any EventLoop
    private let options: ProducerOptions
    private let counters: ServiceCounters
    private let logger: Logger
    private var random: SplitMix64
    private var lane: Lane?
    private var siblings: [WeakLane] = []
    private var connections: [Int: LaneConnection] = [:]
    private var writer = ByteWriter()
    private var foreignAcks: [Int: [MessageKey]] = [:]
    private var unknownShard: UInt64?
    private var flushTimer: Scheduled<Void>?
    private var scanTimer: Scheduled<Void>?
    private var unflushedBytes = 0
    private var isPumping = false
    private var pumpAgain = false
    private var drained: EventLoopPromise<Void>?
    private var isClosed = false

    init(
        group: sending QueueGroup, eventLoop: any EventLoop, options: ProducerOptions, counters: ServiceCounters,
        seed: UInt64, logger: Logger
    ) {
        self.group = group
        self.eventLoop = eventLoop
        self.options = options
        self.counters = counters
        self.logger = logger
        random = SplitMix64(seed: seed)
    }

    func attach(_ lane: Lane, siblings: [WeakLane]) {
        self.lane = lane
        self.siblings = siblings
    }

    // MARK: In

    /// Takes what came into the inbox, and sends when there is enough to send.
    func drain(mustSend: Bool = false) {
        guard let lane else { return }
        var mustPump = mustSend
        for item in lane.takeInbox(timerIsRunning: flushTimer != nil) {
            switch item {
            case .batch(let batch, let charges):
                group.enqueue(
                    batch, charges: charges, maxMessageBytes: options.maxMessageBytes, now: steadyNanos(),
                    wallNanos: wallClockNanos())
                unflushedBytes += batch.bytes.readableBytes
            case .route(let route, let endpoints): follow(route, endpoints, lane)
            case .acks(let keys):
                for key in keys { _ = group.acknowledge(shard: key.shard, id: key.id) }
            case .sweep: group.sweep(now: steadyNanos())
            case .supersede: group.dropAll(.superseded)
            case .close(let deadline, let promise):
                mustPump = true
                close(deadline, promise)
            }
        }
        if isClosed { group.dropAll() }
        if mustPump || unflushedBytes >= options.writeBytes || options.flushInterval <= .zero {
            pump()
        } else if unflushedBytes > 0, flushTimer == nil {
            flushTimer = eventLoop.assumeIsolated().scheduleTask(in: options.flushInterval) { [weak self] in
                self?.flushTimer = nil
                self?.drain(mustSend: true)
            }
            lane.setTimer(running: true)
        }
        armScan()
        settle()
    }

    private func follow(_ route: QueueGroup.Route, _ endpoints: [Int: LaneEndpoint], _ lane: Lane) {
        group.follow(route)
        for (number, connection) in connections where endpoints[number] == nil {
            connection.close()
            connections[number] = nil
        }
        for (number, target) in endpoints where connections[number] == nil {
            let connection = LaneConnection(
                number: number, target: target, lane: lane, options: options, seed: random.next(), logger: logger)
            connections[number] = connection
            connection.connect()
        }
    }

    // MARK: Out

    /// Writes what there is to every connection that takes it; the least loaded first.
    func pump() {
        guard !isPumping else {
            pumpAgain = true
            return
        }
        isPumping = true
        repeat {
            pumpAgain = false
            pumpOnce()
        } while pumpAgain
        isPumping = false
        unflushedBytes = 0
        counters.collect(&group.counts)
    }

    private func pumpOnce() {
        let now = steadyNanos()
        var ready: [(connection: LaneConnection, channel: any Channel)] = []
        for connection in connections.values {
            if let channel = connection.writableChannel { ready.append((connection, channel)) }
        }
        var dirty: [ObjectIdentifier: any Channel] = [:]
        let sentAt = wallClockNanos()
        while !ready.isEmpty {
            var best = 0
            for index in ready.indices.dropFirst()
            where group.load(ready[index].connection.number) < group.load(ready[best].connection.number) {
                best = index
            }
            let (connection, channel) = ready[best]
            writer.removeAll(keepingCapacity: true)
            _ = group.fill(
                &writer, connection: connection.number, budget: options.writeBytes, now: now, sentAtNanos: sentAt)
            guard writer.count > 0 else {
                ready.remove(at: best)
                continue
            }
            let bytes = writer.withUnsafeBytes { bytes in
                var buffer = channel.allocator.buffer(capacity: bytes.count)
                buffer.writeBytes(bytes)
                return buffer
            }
            connection.write(bytes, to: channel)
            dirty[ObjectIdentifier(connection)] = channel
            if !channel.isWritable { ready.remove(at: best) }
        }
        if writer.count > 4 * options.writeBytes { writer.removeAll(keepingCapacity: false) }
        for channel in dirty.values { channel.flush() }
    }

    func connected(_ number: Int) {
        counters.connects.add(1)
        pump()
    }

    func lost(_ number: Int) {
        counters.disconnects.add(1)
        group.connectionLost(number)
        pump()
    }

    // MARK: Acknowledgements

    func takeAcks(_ bytes: RawSpan, in frame: ByteRange) throws(WireError) {
        try group.acknowledge(bytes, in: frame, foreign: &foreignAcks, unknownShard: &unknownShard)
    }

    /// The acknowledgements of one read have been taken.
    func acksTaken() {
        if let shard = unknownShard {
            logger.warning("acknowledgement for a shard that isn't routed here", metadata: ["shard": "\(shard)"])
            unknownShard = nil
        }
        for (number, keys) in foreignAcks where siblings.indices.contains(number) {
            siblings[number].lane?.submit(.acks(keys), bytes: 0)
        }
        foreignAcks.removeAll(keepingCapacity: true)
        counters.collect(&group.counts)
        settle()
    }

    func logBadAck(_ error: any Error) {
        counters.badAckFrames.add(1)
        logger.warning("bad acknowledgement frame; closing the connection", metadata: ["error": "\(error)"])
    }

    // MARK: Time

    private func armScan() {
        guard scanTimer == nil, group.alive > 0 else { return }
        scanTimer = eventLoop.assumeIsolated().scheduleTask(in: options.scanInterval) { [weak self] in self?.scan() }
    }

    private func scan() {
        scanTimer = nil
        let now = NIODeadline.now()
        for connection in connections.values { connection.checkWriteTimeout(now: now) }
        group.sweep(now: steadyNanos())
        if unflushedBytes == 0 { pump() }
        counters.collect(&group.counts)
        armScan()
        settle()
    }

    // MARK: Closing

    private func close(_ deadline: NIODeadline, _ promise: EventLoopPromise<Void>) {
        guard drained == nil, !isClosed else { return promise.succeed() }
        drained = promise
        eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self, !isClosed else { return }
            group.dropAll()
            settle()
        }
    }

    /// Ends a closing lane once it has nothing left.
    private func settle() {
        counters.collect(&group.counts)
        guard let drained, group.alive == 0 else { return }
        isClosed = true
        self.drained = nil
        for connection in connections.values { connection.close() }
        connections = [:]
        flushTimer?.cancel()
        scanTimer?.cancel()
        lane = nil
        drained.succeed()
    }
}
