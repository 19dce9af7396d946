import MessageQueue
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Transport

/// m3msg from producer to consumer.
@Suite struct TLSMessageQueueTests {
    /// Acknowledges everything and keeps the numbers that payloads begin with.
    private final class Collector: MessageConsumer {
        let numbers = Mutex<Set<UInt64>>([])

        func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
            numbers.withLock { numbers in
                batch.withBytes { bytes in
                    for message in batch.messages where message.value.count >= 8 {
                        numbers.insert(bytes.unsafeLoadUnaligned(fromByteOffset: message.value.offset, as: UInt64.self))
                    }
                }
            }
            connection.acknowledge(batch)
        }

        func connectionClosed(_ connection: ConsumerConnection) {}
    }

    private func serve(
        _ tls: TLSServerContext, _ consumer: any MessageConsumer
    ) async throws -> (server: ConsumerServer, endpoint: String) {
        var options = ConsumerOptions()
        options.ackFlushInterval = .milliseconds(5)
        options.configureChannel = { try tls.configure($0) }
        let server = ConsumerServer(
            group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: 0, options: options,
            consumer: consumer, registry: Registry(), logger: silent)
        let address = try await server.start()
        return (server, "127.0.0.1:\(address.port ?? 0)")
    }

    private func producer(_ endpoint: String, _ client: TLSClientOptions?) throws -> Producer {
        var options = ProducerOptions()
        options.flushInterval = .milliseconds(2)
        options.resetDelay = .milliseconds(5)
        options.reconnect = Backoff(initial: .milliseconds(5), factor: 2, max: .milliseconds(50), jitter: true)
        if let client {
            let context = try TLSClientContext(client, logger: silent)
            options.configureChannel = { try context.configure($0, host: $1) }
        }
        let service = ProducerRoute.ConsumerService(
            name: "s", consumption: .replicated, numberOfShards: 8, endpoints: [endpoint])
        return try Producer.start(
            route: ProducerRoute(topic: "t", numberOfShards: 8, services: [service]), options: options,
            group: MultiThreadedEventLoopGroup.singleton, registry: Registry(), logger: silent)
    }

    private func produce(_ numbers: Range<UInt64>, to producer: Producer) throws {
        var batch = PayloadBatch()
        for number in numbers {
            batch.append(
                shard: UInt32(number % 8),
                withUnsafeBytes(of: number) { Array($0) } + [UInt8](repeating: 7, count: 200))
        }
        try producer.produce(batch)
    }

    @Test func messagesAndAcknowledgementsAreEncrypted() async throws {
        let certificates = try await TestCertificates()
        let collector = Collector()
        let (server, endpoint) = try await serve(
            certificates.server(certificates.issue("server"), mutual: true), collector)
        let identity = try await certificates.issue("client")
        let producer = try producer(endpoint, certificates.client(identity))
        for start in stride(from: UInt64(0), to: 20_000, by: 500) {
            try produce(start..<start + 500, to: producer)
        }
        _ = try await poll("all messages", deadline: .seconds(60)) {
            collector.numbers.withLock { $0.count } == 20_000 ? true : nil
        }
        _ = try await poll("all acknowledgements", deadline: .seconds(60)) {
            producer.stats.services.first?.acked == 20_000 ? true : nil
        }
        _ = await producer.close(deadline: .seconds(5))
        await server.stop()
    }

    @Test func permissiveServersTakePlainProducersToo() async throws {
        let certificates = try await TestCertificates()
        let collector = Collector()
        let (server, endpoint) = try await serve(
            certificates.server(certificates.issue("server"), mode: .permissive), collector)
        let plain = try producer(endpoint, nil)
        let encrypted = try producer(endpoint, certificates.client())
        try produce(0..<100, to: plain)
        try produce(100..<200, to: encrypted)
        _ = try await poll("both") { collector.numbers.withLock { $0.count } == 200 ? true : nil }
        _ = await plain.close(deadline: .seconds(5))
        _ = await encrypted.close(deadline: .seconds(5))
        await server.stop()
    }
}
