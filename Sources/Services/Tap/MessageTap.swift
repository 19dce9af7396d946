import Logging
import MessageQueue
import NIOCore
import Telemetry

/// An m3msg consumer that shows what it gets and acknowledges everything.
public final class MessageTap: MessageConsumer {
    /// Called with the records of one read, on the connection's event loop.
    public typealias Sink = @Sendable ([TapRecord]) -> Void

    private let sink: Sink

    public init(sink: @escaping Sink) { self.sink = sink }

    public func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
        sink(batch.withBytes { bytes in batch.messages.map { TapRecord($0, in: bytes) } })
        connection.acknowledge(batch)
    }

    /// Listens for producers; port 0 lets the system choose.
    public static func start(
        host: String, port: Int, group: any EventLoopGroup, logger: Logger, sink: @escaping Sink
    ) async throws -> (server: ConsumerServer, address: SocketAddress) {
        var options = ConsumerOptions()
        options.name = "tap"
        let server = ConsumerServer(
            group: group, host: host, port: port, options: options, consumer: MessageTap(sink: sink),
            registry: Registry(), logger: logger)
        return (server, try await server.start())
    }
}
