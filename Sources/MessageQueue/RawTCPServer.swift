import Logging
import NIOCore
import NIOPosix
import Synchronization
import Telemetry

/// Accepts connections of M3's legacy TCP client and hands their payloads to a consumer. One direction only: the clients
/// wait for nothing. Source: `docs/aggregator-role.md`, "Raw TCP".
public final class RawTCPServer: Sendable {
    private struct State {
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
        var isStopping = false
    }

    private let group: any EventLoopGroup
    private let host: String
    private let port: Int
    private let options: RawTCPOptions
    private let consumer: any RawTCPConsumer
    private let instruments: RawTCPInstruments
    private let state = Mutex(State())

    /// - Parameters:
    ///   - group: event loops that the connections are spread over.
    ///   - port: 0 lets the system choose one; ``start()`` tells which.
    public init(
        group: any EventLoopGroup, host: String, port: Int, options: RawTCPOptions = RawTCPOptions(),
        consumer: any RawTCPConsumer, registry: Registry, logger: Logger
    ) {
        self.group = group
        self.host = host
        self.port = port
        self.options = options
        self.consumer = consumer
        instruments = RawTCPInstruments(
            registry: registry, logger: logger, errorLogLimitPerSecond: options.errorLogLimitPerSecond)
    }

    /// Begins to listen and returns the address. Throws the system's error when the address can't be bound.
    public func start() async throws -> SocketAddress {
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: options.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: max(4_096, options.readBytes))
            )
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
        let id = ObjectIdentifier(channel)
        let isAdmitted = state.withLock { state in
            guard !state.isStopping, state.connections.count < options.maxConnections else { return false }
            state.connections[id] = channel
            return true
        }
        guard isAdmitted else {
            instruments.countRefusedConnection()
            throw ChannelError.ioOnClosedChannel
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { _ = $0.connections.removeValue(forKey: id) }
        }
        try options.configureChannel?(channel)
        try channel.pipeline.syncOperations.addHandler(
            RawTCPHandler(channel: channel, consumer: consumer, options: options, instruments: instruments))
    }

    /// Stops listening and closes all connections. What their clients had sent and was not read yet is lost: the
    /// protocol has no acknowledgements.
    public func stop() async {
        let (listener, connections) = state.withLock { state in
            state.isStopping = true
            return (state.listener, Array(state.connections.values))
        }
        try? await listener?.close().get()
        for connection in connections { connection.close(promise: nil) }
        for connection in connections { try? await connection.closeFuture.get() }
    }
}
