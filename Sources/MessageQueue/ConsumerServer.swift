import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Telemetry

/// Accepts producers' connections and hands their messages to a consumer. Source: `docs/message-queue.md`, "Consumer".
public final class ConsumerServer: Sendable {
    private struct State {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: ConsumerConnection] = [:]
        var isStopping = false
    }

    private let group: any EventLoopGroup
    private let host: String
    private let port: Int
    private let options: ConsumerOptions
    private let consumer: any MessageConsumer
    private let instruments: ConsumerInstruments
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - group: event loops that the connections are spread over.
    ///   - port: 0 lets the system choose one; ``start()`` tells which.
    public init(
        group: any EventLoopGroup, host: String, port: Int, options: ConsumerOptions = ConsumerOptions(),
        consumer: any MessageConsumer, registry: Registry, logger: Logger
    ) {
        self.group = group
        self.host = host
        self.port = port
        self.options = options
        self.consumer = consumer
        self.logger = logger
        instruments = ConsumerInstruments(registry: registry, server: options.name)
        let labels = [("server", options.name)]
        registry.onScrape { [weak self] in
            guard let connections = self?.connections else { return [] }
            return [
                Registry.Sample(
                    "m3agg_message_queue_consumer_held_bytes",
                    help: "Memory of batches that the consumer has not given back.", kind: .gauge, labels: labels,
                    value: Double(connections.reduce(0) { $0 + $1.flow.held })),
                Registry.Sample(
                    "m3agg_message_queue_consumer_pending_ack_bytes", help: "Acknowledgements that wait to be sent.",
                    kind: .gauge, labels: labels, value: Double(connections.reduce(0) { $0 + $1.pendingBytes })),
            ]
        }
    }

    /// Connections that are open now.
    public var connections: [ConsumerConnection] { state.withLock { Array($0.connections.values) } }

    /// Begins to listen and returns the address. Throws the system's error when the address can't be bound.
    public func start() async throws -> SocketAddress {
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: options.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: max(4_096, options.readBytes))
            )
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [self] channel in channel.eventLoop.makeCompletedFuture { try accept(channel) } }
        if let keepAlive = options.keepAlive {
            bootstrap = bootstrap.childChannelOption(.socketOption(.so_keepalive), value: 1)
            for option in KeepAlive.options(keepAlive) {
                bootstrap = bootstrap.childChannelOption(option.option, value: option.value)
            }
        }
        let listener = try await bootstrap.bind(host: host, port: port).get()
        state.withLock { $0.listener = listener }
        guard let address = listener.localAddress else { throw ChannelError.unknownLocalAddress }
        return address
    }

    private func accept(_ channel: any Channel) throws {
        let connection = ConsumerConnection(channel: channel, options: options, instruments: instruments)
        let id = ObjectIdentifier(channel)
        let isAdmitted = state.withLock { state in
            guard !state.isStopping, state.connections.count < options.maxConnections else { return false }
            state.connections[id] = connection
            return true
        }
        guard isAdmitted else {
            instruments.countClosed(.connectionLimit)
            logger.warning("producer connection refused", metadata: ["limit": "\(options.maxConnections)"])
            throw ConnectionRefused()
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { _ = $0.connections.removeValue(forKey: id) }
        }
        try options.configureChannel?(channel)
        try channel.pipeline.syncOperations.addHandler(
            ConsumerHandler(
                connection: connection, consumer: consumer, options: options, instruments: instruments, logger: logger))
    }

    /// Stops listening, lets every connection send its pending acknowledgements, and closes all of them. Connections
    /// that aren't done after `deadline` are cut.
    public func stop(deadline: Duration = .seconds(5)) async {
        let (listener, connections) = state.withLock { state in
            state.isStopping = true
            return (state.listener, Array(state.connections.values))
        }
        try? await listener?.close().get()
        for connection in connections {
            connection.close()
            let cut = connection.eventLoop.scheduleTask(in: TimeAmount(deadline)) {
                connection.channel.close(promise: nil)
            }
            connection.channel.closeFuture.whenComplete { _ in cut.cancel() }
        }
        for connection in connections { try? await connection.channel.closeFuture.get() }
    }
}

/// The server has as many connections as it may, or is stopping.
private struct ConnectionRefused: Error {}

/// TCP keep-alive as socket options.
enum KeepAlive {
    static func options(_ period: TimeAmount) -> [(option: ChannelOptions.Types.SocketOption, value: Int)] {
        let seconds = Int(max(1, period.nanoseconds / 1_000_000_000))
        return [TCP_KEEPIDLE, TCP_KEEPINTVL].map { (.tcpOption(NIOBSDSocket.Option(rawValue: $0)), seconds) }
    }
}
