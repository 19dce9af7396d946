import Logging
import NIOCore
import NIOPosix
import Synchronization
import Telemetry

/// The queue of one instance and the connection that empties it: one write at a time, on one event loop.
final class InstanceConnection: Sendable {
    private enum Phase {
        case idle
        case connecting
        case waiting(Scheduled<Void>)
        case open(any Channel)
        case closed
    }

    /// Only on the event loop.
    private final class OnLoop {
        var phase = Phase.idle
        var failures = 0
        var random: SplitMix64
        var writeTimer: Scheduled<Void>?
        var drained: EventLoopPromise<Void>?

        init(seed: UInt64) { random = SplitMix64(seed: seed) }
    }

    let endpoint: Endpoint
    let eventLoop: any EventLoop
    private let options: InstanceClientOptions
    private let counters: InstanceClientCounters
    private let logger: Logger
    private let queue: Mutex<InstanceQueue>
    private let isPumpScheduled = Atomic<Bool>(false)
    private let onLoop: NIOLoopBoundBox<OnLoop>

    init(
        endpoint: Endpoint, eventLoop: any EventLoop, options: InstanceClientOptions,
        counters: InstanceClientCounters, seed: UInt64, logger: Logger
    ) {
        self.endpoint = endpoint
        self.eventLoop = eventLoop
        self.options = options
        self.counters = counters
        var logger = logger
        logger[metadataKey: "endpoint"] = "\(endpoint.host):\(endpoint.port)"
        self.logger = logger
        queue = Mutex(InstanceQueue(maxChunks: options.maxChunks, onFull: options.onFull))
        onLoop = NIOLoopBoundBox.makeBoxSendingValue(OnLoop(seed: seed), eventLoop: eventLoop)
    }

    func start() { eventLoop.execute { self.connect() } }

    /// Waiting, or being written.
    var load: (messages: Int, bytes: Int, isHalfFull: Bool) {
        queue.withLock { ($0.messages, $0.bytes, $0.isHalfFull) }
    }

    /// Queues a buffer; any thread.
    func enqueue(_ chunk: InstanceQueue.Chunk) {
        counters.drop(queue.withLock { $0.append(chunk) })
        guard !isPumpScheduled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        eventLoop.execute {
            self.isPumpScheduled.store(false, ordering: .releasing)
            self.pump()
        }
    }

    // MARK: Connecting

    private func connect() {
        let state = onLoop.value
        if case .closed = state.phase { return }
        state.phase = .connecting
        ClientBootstrap(group: eventLoop)
            .connectTimeout(options.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: options.keepAlive ? 1 : 0)
            .connect(host: endpoint.host, port: endpoint.port)
            .hop(to: eventLoop)
            .whenComplete { self.connectEnded($0) }
    }

    private func connectEnded(_ result: Result<any Channel, any Error>) {
        let state = onLoop.value
        guard case .connecting = state.phase else {
            if case .success(let channel) = result { channel.close(promise: nil) }
            return
        }
        switch result {
        case .success(let channel):
            state.phase = .open(channel)
            state.failures = 0
            counters.connects.add(1)
            counters.open.add(1)
            channel.closeFuture.hop(to: eventLoop).whenComplete { _ in self.lost(channel) }
            pump()
        case .failure(let error):
            counters.connectFailures.add(1)
            if state.failures == 0 { logger.info("can't connect; trying again", metadata: ["error": "\(error)"]) }
            wait()
        }
    }

    private func wait() {
        let state = onLoop.value
        state.failures += 1
        let delay = options.reconnect.nanoseconds(afterAttempt: state.failures, random: state.random.next())
        state.phase = .waiting(
            eventLoop.scheduleTask(in: .nanoseconds(delay)) {
                guard case .waiting = self.onLoop.value.phase else { return }
                self.connect()
            })
    }

    private func lost(_ channel: any Channel) {
        let state = onLoop.value
        guard case .open(let current) = state.phase, current === channel else { return }
        counters.open.add(-1)
        logger.info("connection lost; connecting again")
        // The first attempt after a loss is a pause later too: a peer that takes connections and closes them is down.
        wait()
    }

    // MARK: Writing

    private func pump() {
        let state = onLoop.value
        if case .closed = state.phase {
            counters.drop(queue.withLock { $0.removeAll() })
            return
        }
        guard case .open(let channel) = state.phase, channel.isActive else { return }
        guard let bytes = queue.withLock({ $0.next(maxBytes: options.writeBytes) }) else { return settle() }
        state.writeTimer = eventLoop.scheduleTask(in: options.writeTimeout) {
            self.logger.warning("the peer takes no data; closing the connection")
            channel.close(promise: nil)
        }
        channel.writeAndFlush(bytes).hop(to: eventLoop).whenComplete { self.writeEnded($0, channel) }
    }

    private func writeEnded(_ result: Result<Void, any Error>, _ channel: any Channel) {
        let state = onLoop.value
        state.writeTimer?.cancel()
        state.writeTimer = nil
        if case .closed = state.phase { return }
        switch result {
        case .success:
            counters.sent.add(queue.withLock { $0.written() })
            pump()
        case .failure:
            counters.drop(queue.withLock { $0.failed(maxRetries: options.maxWriteRetries) })
            channel.close(promise: nil)
            settle()
            // A new connection may be open already, whose pump found this write under way.
            pump()
        }
    }

    // MARK: Closing

    /// Writes what is queued until the deadline, drops the rest, and closes the connection.
    func close(deadline: NIODeadline) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        eventLoop.execute {
            let state = self.onLoop.value
            guard state.drained == nil else { return promise.succeed() }
            if case .closed = state.phase { return promise.succeed() }
            state.drained = promise
            self.eventLoop.scheduleTask(deadline: deadline) { self.end() }
            self.settle()
        }
        return promise.futureResult
    }

    /// Ends a closing connection once it has nothing left.
    private func settle() {
        if onLoop.value.drained != nil, queue.withLock({ $0.isEmpty }) { end() }
    }

    private func end() {
        let state = onLoop.value
        switch state.phase {
        case .closed: return
        case .waiting(let timer): timer.cancel()
        case .open(let channel):
            counters.open.add(-1)
            channel.close(promise: nil)
        case .connecting, .idle: break
        }
        state.phase = .closed
        counters.drop(queue.withLock { $0.removeAll() })
        state.drained?.succeed()
        state.drained = nil
    }
}
