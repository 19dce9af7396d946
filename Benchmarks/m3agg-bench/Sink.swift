import Logging
import MessageQueue
import NIOCore
import Synchronization
import Telemetry

/// Takes m3msg messages, counts and acknowledges them.
final class Sink: MessageConsumer {
    private let count = Atomic<Int>(0)

    var received: Int { count.load(ordering: .relaxed) }

    func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
        count.add(batch.messages.count, ordering: .relaxed)
        connection.acknowledge(batch)
    }

    /// A server on a free port with this sink behind it, and its `HOST:PORT`.
    func listen(_ group: any EventLoopGroup) async throws -> (server: ConsumerServer, endpoint: String) {
        let server = ConsumerServer(
            group: group, host: "127.0.0.1", port: 0, consumer: self, registry: Registry(),
            logger: Logger(label: "sink"))
        let address = try await server.start()
        return (server, "127.0.0.1:\(address.port ?? 0)")
    }
}
