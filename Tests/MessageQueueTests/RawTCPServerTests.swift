import Logging
import NIOCore
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import MessageQueue

/// Keeps payloads, and batches as long as it is told.
private final class CollectingConsumer: RawTCPConsumer {
    struct State {
        var payloads: [[UInt8]] = []
        var held: [RawTCPBatch] = []
        var holds = false
        /// Refuses payloads that begin with this byte.
        var refused: UInt8?
    }

    let state = Mutex(State())

    func consume(_ batch: RawTCPBatch) -> RawTCPRefusal? {
        state.withLock { state in
            for payload in batch.payloads {
                let bytes =
                    batch.buffer.getBytes(
                        at: batch.buffer.readerIndex + payload.offset, length: payload.count) ?? []
                if let refused = state.refused, bytes.first == refused {
                    return RawTCPRefusal(reason: "test", description: "refused")
                }
                state.payloads.append(bytes)
            }
            if state.holds { state.held.append(batch) }
            return nil
        }
    }
}

@Suite(.serialized) struct RawTCPServerTests {
    private let consumer = CollectingConsumer()
    private let registry = Registry()

    private func start(_ change: (inout RawTCPOptions) -> Void = { _ in }) async throws -> (RawTCPServer, Int) {
        var options = RawTCPOptions()
        change(&options)
        let server = RawTCPServer(
            group: testLoops, host: "127.0.0.1", port: 0, options: options, consumer: consumer, registry: registry,
            logger: quiet)
        return (server, try await server.start().port ?? 0)
    }

    private func frame(_ payload: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        RawTCPFrame.append(payload.span.bytes, to: &writer)
        return writer.array()
    }

    private func received(_ count: Int) async throws {
        try await eventually("\(count) payloads") { consumer.state.withLock { $0.payloads.count } >= count }
    }

    private func broken(_ reason: String) -> Double {
        registry.value("m3agg_raw_tcp_streams_broken_total", labels: [("reason", reason)])
    }

    @Test func deliversPayloadsInOrderAndAnswersNothing() async throws {
        let (server, port) = try await start()
        let peer = try LoopbackPeer(port: port)
        let payloads = (1...200).map { Array(repeating: UInt8($0), count: $0 * 13) }
        try peer.send(payloads.flatMap(frame))
        try await received(200)
        let arrived = consumer.state.withLock { $0.payloads == payloads }
        #expect(arrived)
        #expect(peer.receive(waitingMilliseconds: 20) == [])
        peer.close()
        try await eventually("the end") { registry.value("m3agg_raw_tcp_connections") == 0 }
        #expect(registry.value("m3agg_raw_tcp_frames_total") == 200)
        #expect(registry.samples().allSatisfy { $0.name != "m3agg_raw_tcp_streams_broken_total" })
        await server.stop()
    }

    @Test func aBadSizeCostsItsConnectionOnly() async throws {
        let (server, port) = try await start { $0.maxFrameBytes = 100 }
        let good = try LoopbackPeer(port: port)
        let bad = try LoopbackPeer(port: port)
        try bad.send(frame([1]) + frame(Array(repeating: 2, count: 101)) + frame([3]))
        try await eventually("the bad one to be closed") { broken("frame_too_large") == 1 }
        try good.send(frame([4]))
        try await received(2)
        #expect(consumer.state.withLock { $0.payloads } == [[1], [4]])
        await server.stop()
    }

    @Test func aRefusedPayloadCostsItsConnectionAndWhatIsBehindIt() async throws {
        let (server, port) = try await start()
        consumer.state.withLock { $0.refused = 9 }
        let peer = try LoopbackPeer(port: port)
        try peer.send(frame([1]) + frame([9]) + frame([2]))
        try await eventually("the connection to be closed") { broken("test") == 1 }
        try await eventually("the end") { registry.value("m3agg_raw_tcp_connections") == 0 }
        #expect(consumer.state.withLock { $0.payloads } == [[1]])
        await server.stop()
    }

    @Test func anEndInTheMiddleOfAFrameIsCounted() async throws {
        let (server, port) = try await start()
        let peer = try LoopbackPeer(port: port)
        try peer.send(frame([1]) + [10, 1])
        try await received(1)
        peer.close()
        try await eventually("the end to be counted") { broken("truncated_frame") == 1 }
        await server.stop()
    }

    @Test func readsNoFurtherThanTheLimitOfUnprocessedBytes() async throws {
        let (server, port) = try await start {
            $0.maxUnprocessedBytes = 200_000
            $0.readBytes = 65_536
        }
        consumer.state.withLock { $0.holds = true }
        let peer = try LoopbackPeer(port: port)
        let payload = Array(repeating: UInt8(5), count: 10_000)
        let count = 2_000
        let bytes = (0..<count).flatMap { _ in frame(payload) }
        let sent = Mutex(false)
        let sender = Task.detached {
            try peer.send(bytes)
            sent.withLock { $0 = true }
        }
        try await eventually("the limit") { registry.value("m3agg_raw_tcp_read_bytes_total") >= 150_000 }
        // Without the limit the rest, 20 MB, would follow at once. What is read besides is at most a few reads.
        try await Task.sleep(for: .milliseconds(200))
        #expect(registry.value("m3agg_raw_tcp_read_bytes_total") < 1_000_000)
        consumer.state.withLock { state in
            state.holds = false
            state.held = []
        }
        try await received(count)
        try await sender.value
        #expect(sent.withLock { $0 })
        await server.stop()
    }

    @Test func connectionsBeyondTheLimitAreClosed() async throws {
        let (server, port) = try await start { $0.maxConnections = 1 }
        let first = try LoopbackPeer(port: port)
        try first.send(frame([1]))
        try await received(1)
        let second = try LoopbackPeer(port: port)
        try await eventually("the refusal") { registry.value("m3agg_raw_tcp_connections_refused_total") == 1 }
        _ = second
        try first.send(frame([2]))
        try await received(2)
        await server.stop()
    }

    @Test func theLogHasALimitAndTheCountersHaveNone() {
        let instruments = RawTCPInstruments(registry: registry, logger: quiet, errorLogLimitPerSecond: 3)
        for _ in 0..<10 { instruments.log("error", [:], now: 5) }
        #expect(registry.value("m3agg_raw_tcp_errors_not_logged_total") == 7)
        for _ in 0..<3 { instruments.log("error", [:], now: 6) }
        #expect(registry.value("m3agg_raw_tcp_errors_not_logged_total") == 7)
    }
}
