import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import Testing
import WireFormat

@testable import MessageQueue

/// The event loops of all tests.
let testLoops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

/// Logs nothing: tests look at counters.
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Polls until the condition holds; fails the test when it doesn't within `seconds`.
func eventually(
    _ what: Comment, within seconds: Double = 60, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(2))
    }
    Issue.record("not within \(seconds) s: \(what)", sourceLocation: sourceLocation)
    throw CancellationError()
}

/// Applies each numbered message once, as a worker would, and acknowledges everything.
final class CountingConsumer: MessageConsumer {
    struct State {
        var filter = RedeliveryFilter()
        var applied: [UInt64: Int] = [:]
        var received = 0
        var shards: Set<UInt64> = []
        var held: [(MessageBatch, ConsumerConnection)] = []
        var holds = false
        var closed = 0
    }

    let state: Mutex<State>
    /// What each message of every batch does: false leaves it unacknowledged.
    private let accepts: @Sendable (UInt64) -> Bool

    init(holds: Bool = false, accepts: @escaping @Sendable (UInt64) -> Bool = { _ in true }) {
        state = Mutex(State())
        self.accepts = accepts
        state.withLock { $0.holds = holds }
    }

    func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
        let accepted = state.withLock { state -> [Int]? in
            var accepted: [Int] = []
            batch.withBytes { bytes in
                for (index, message) in batch.messages.enumerated() {
                    state.received += 1
                    state.shards.insert(message.shard)
                    guard message.value.count >= 8 else { continue }
                    let number = bytes.unsafeLoadUnaligned(fromByteOffset: message.value.offset, as: UInt64.self)
                    guard accepts(number) else { continue }
                    accepted.append(index)
                    let (epoch, shard, id) = (message.producerEpoch, message.shard, message.id)
                    guard !state.filter.isApplied(epoch: epoch, shard: shard, id: id, now: 0) else { continue }
                    state.filter.markApplied(epoch: epoch, shard: shard, id: id, now: 0)
                    state.applied[number, default: 0] += 1
                }
            }
            if state.holds {
                state.held.append((batch, connection))
                return nil
            }
            return accepted
        }
        guard let accepted else { return }
        if accepted.count == batch.messages.count {
            connection.acknowledge(batch)
        } else {
            connection.acknowledge(batch, indices: accepted)
        }
    }

    func connectionClosed(_ connection: ConsumerConnection) { state.withLock { $0.closed += 1 } }

    /// Acknowledges what was held and holds nothing more. Called from any thread, as a worker on another loop would.
    func release() {
        let held = state.withLock { state in
            state.holds = false
            defer { state.held = [] }
            return state.held
        }
        for (batch, connection) in held { connection.acknowledge(batch) }
    }

    var appliedCount: Int { state.withLock { $0.applied.count } }
    var received: Int { state.withLock { $0.received } }
    /// Numbers applied more than once.
    var twice: [UInt64] { state.withLock { $0.applied.filter { $0.value != 1 }.map(\.key) } }
}

func makeServer(
    _ consumer: any MessageConsumer, port: Int = 0, registry: Registry = Registry(),
    _ change: (inout ConsumerOptions) -> Void = { _ in }
) async throws -> (server: ConsumerServer, port: Int) {
    var options = ConsumerOptions()
    options.ackFlushInterval = .milliseconds(5)
    change(&options)
    let server = ConsumerServer(
        group: testLoops, host: "127.0.0.1", port: port, options: options, consumer: consumer, registry: registry,
        logger: quiet)
    let address = try await server.start()
    return (server, try #require(address.port))
}

func makeProducer(
    _ services: [ProducerRoute.ConsumerService], shards: Int, registry: Registry = Registry(),
    _ change: (inout ProducerOptions) -> Void = { _ in }
) throws -> Producer {
    var options = ProducerOptions()
    options.flushInterval = .milliseconds(2)
    options.resetDelay = .milliseconds(5)
    options.reconnect = Backoff(initial: .milliseconds(5), factor: 2, max: .milliseconds(50), jitter: true)
    options.scanInterval = .milliseconds(10)
    change(&options)
    return try Producer.start(
        route: ProducerRoute(topic: "t", numberOfShards: shards, services: services), options: options,
        group: testLoops, registry: registry, logger: quiet)
}

/// A batch of messages whose payloads begin with these numbers; the shard is the number modulo `shards`.
func numbered(_ numbers: Range<UInt64>, shards: Int, size: Int = 242) -> PayloadBatch {
    var batch = PayloadBatch()
    var payload = [UInt8](repeating: 0xab, count: max(8, size))
    for number in numbers {
        payload.withUnsafeMutableBytes { $0.storeBytes(of: number, as: UInt64.self) }
        batch.append(shard: UInt32(number % UInt64(shards)), payload)
    }
    return batch
}

/// A blocking socket, for peers that misbehave.
final class RawPeer {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        var timeout = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            offset += sent
        }
    }

    func endWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Up to `count` bytes; fewer when the peer closes first or nothing comes for 30 s.
    func receive(_ count: Int = .max) -> [UInt8] {
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while received.count < count {
            let got = recv(descriptor, &chunk, min(chunk.count, count - received.count), 0)
            guard got > 0 else { break }
            received += chunk[..<got]
        }
        return received
    }
}
