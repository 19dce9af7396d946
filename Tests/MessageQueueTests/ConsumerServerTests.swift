import NIOCore
import Synchronization
import Telemetry
import Testing
import WireFormat

@testable import MessageQueue

@Suite(.serialized) struct ConsumerServerTests {
    static func frames(_ ids: ClosedRange<UInt64>, shard: UInt64 = 3, size: Int = 20) throws -> [UInt8] {
        var writer = ByteWriter()
        for id in ids {
            var payload = [UInt8](repeating: 1, count: size)
            payload.withUnsafeMutableBytes { $0.storeBytes(of: id, as: UInt64.self) }
            try M3MsgFrame.appendMessage(
                shard: shard, id: id, sentAtNanos: 9, producerEpoch: 42, value: payload.span.bytes, to: &writer)
        }
        return writer.array()
    }

    /// The ids in a stream of ack frames.
    static func acknowledged(_ stream: [UInt8]) throws -> [UInt64] {
        let (frames, failure, midFrame) = FrameCutterTests.cut([stream])
        #expect(failure == nil && !midFrame)
        var ids: [UInt64] = []
        for frame in frames {
            try frame.withUnsafeBytes { raw in
                try M3MsgFrame.readAck(raw.bytes, in: ByteRange(offset: 0, count: raw.count)) { ids.append($0.id) }
            }
        }
        return ids
    }

    static func bad(_ registry: Registry, _ reason: String) -> Double {
        registry.value(
            "m3agg_message_queue_consumer_frames_bad_total", labels: [("server", "m3msg"), ("reason", reason)])
    }

    @Test func garbageCostsOnlyItsOwnConnection() async throws {
        let registry = Registry()
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer, registry: registry)
        let good = try RawPeer(port: port)
        good.send(try Self.frames(1...10))
        for garbage in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u{16}\u{03}\u{01}TLS hello"] {
            let peer = try RawPeer(port: port)
            peer.send(Array(garbage.utf8))
            #expect(peer.receive() == [], "closed without an answer")
        }
        let undecodable = try RawPeer(port: port)
        // Good frames before a bad one are delivered and acknowledged, then the connection ends.
        undecodable.send(
            try Self.frames(1...5, shard: 4) + FrameCutterTests.frame([0x0a, 0x7f, 1]) + Self.frames(6...9))
        #expect(try Self.acknowledged(undecodable.receive()) == [1, 2, 3, 4, 5])
        good.send(try Self.frames(11...20))
        good.endWriting()
        #expect(try Self.acknowledged(good.receive()) == Array(1...20))
        #expect(Self.bad(registry, "frame_too_large") == 2)
        #expect(registry.value("m3agg_message_queue_consumer_frames_bad_total") == 3)
        #expect(registry.value("m3agg_message_queue_consumer_frames_decoded_total") == 25)
        try await eventually("all connections are gone") { server.connections.isEmpty }
        #expect(registry.value("m3agg_message_queue_consumer_connections") == 0)
        #expect(consumer.state.withLock { $0.closed } == 4)
        await server.stop()
    }

    @Test func anOversizeFrameEndsTheConnectionAfterPendingAcks() async throws {
        let registry = Registry()
        let (server, port) = try await makeServer(CountingConsumer(), registry: registry) {
            $0.maxFrameBytes = 1_000
            $0.ackFlushInterval = .seconds(30)
        }
        let peer = try RawPeer(port: port)
        peer.send(try Self.frames(1...3) + [0, 0, 3, 0xe9] + Array(repeating: 0, count: 500))
        #expect(try Self.acknowledged(peer.receive()) == [1, 2, 3], "sent although the interval isn't over")
        #expect(Self.bad(registry, "frame_too_large") == 1)
        await server.stop()
    }

    @Test func aConnectionThatEndsInAFrameIsCounted() async throws {
        let registry = Registry()
        let (server, port) = try await makeServer(CountingConsumer(), registry: registry)
        let peer = try RawPeer(port: port)
        peer.send(try Self.frames(1...3) + Self.frames(4...4).dropLast(5))
        peer.endWriting()
        #expect(try Self.acknowledged(peer.receive()) == [1, 2, 3])
        #expect(Self.bad(registry, "truncated_frame") == 1)
        let whole = try RawPeer(port: port)
        whole.send(try Self.frames(1...3))
        whole.endWriting()
        #expect(try Self.acknowledged(whole.receive()) == [1, 2, 3])
        #expect(Self.bad(registry, "truncated_frame") == 1)
        await server.stop()
    }

    @Test func framesThatCrossReadsArriveWhole() async throws {
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer) { $0.readBytes = 4_096 }
        let peer = try RawPeer(port: port)
        peer.send(try Self.frames(1...50, size: 700) + Self.frames(51...60, size: 100_000) + Self.frames(61...70))
        peer.endWriting()
        #expect(try Self.acknowledged(peer.receive()) == Array(1...70))
        #expect(consumer.appliedCount == 70)
        await server.stop()
    }

    @Test func stopSendsPendingAcks() async throws {
        let (server, port) = try await makeServer(CountingConsumer()) { $0.ackFlushInterval = .seconds(30) }
        let peer = try RawPeer(port: port)
        peer.send(try Self.frames(1...100))
        try await eventually("acks are pending") { (server.connections.first?.pendingBytes ?? 0) >= 100 * 8 }
        async let stopped: Void = server.stop(deadline: .seconds(20))
        #expect(try Self.acknowledged(peer.receive()) == Array(1...100))
        peer.endWriting()
        await stopped
        #expect(server.connections.isEmpty)
    }

    @Test func aLotOfAcksIsSentAtOnceAndFromAnyThread() async throws {
        let consumer = CountingConsumer(holds: true)
        let (server, port) = try await makeServer(consumer) {
            $0.ackFlushInterval = .seconds(60)
            $0.ackFlushBytes = 1_000
        }
        let peer = try RawPeer(port: port)
        peer.send(try Self.frames(1...500))
        try await eventually("everything was read") { consumer.received == 500 }
        consumer.release()
        // 500 entries of more than 10 bytes; what stays pending is less than the limit of 1,000 bytes.
        #expect(peer.receive(4_000).count == 4_000)
        await server.stop(deadline: .zero)
    }

    /// A consumer that doesn't keep up holds a bounded number of bytes, and everything arrives in the end.
    @Test func aSlowConsumerStopsTheReading() async throws {
        let consumer = CountingConsumer(holds: true)
        let limit = 4_000_000
        let registry = Registry()
        let (server, port) = try await makeServer(consumer, registry: registry) {
            $0.maxUnacknowledgedBytes = limit
        }
        let producer = try makeProducer(
            [EndToEndTests.service(.replicated, [port], shards: 8)], shards: 8
        ) {
            $0.numConnections = 1
            $0.messageRetry = Backoff(initial: .seconds(600), factor: 2, max: nil, jitter: false)
            $0.writeTimeout = .seconds(600)
        }
        for start in stride(from: 0 as UInt64, to: 60_000, by: 1_000) {
            try producer.produce(numbered(start..<start + 1_000, shards: 8, size: 1_000))
        }
        try await eventually("the limit is reached") { (server.connections.first?.flow.held ?? 0) > limit }
        let connection = try #require(server.connections.first)
        // 60 MB are to come; what one read cycle may add is all that the limit is passed by.
        try await eventually("reading has stopped") {
            let before = consumer.received
            for _ in 0..<20 { try await Task.sleep(for: .milliseconds(5)) }
            return consumer.received == before
        }
        #expect(consumer.received < 60_000)
        #expect(connection.flow.held < limit + 6 * 400_000)
        #expect(registry.value("m3agg_message_queue_consumer_held_bytes") > Double(limit))
        consumer.release()
        try await eventually("everything arrives") { producer.stats.services[0].acked == 60_000 }
        #expect(consumer.appliedCount == 60_000)
        try await eventually("everything is given back") { connection.flow.held == 0 }
        await producer.close(deadline: .seconds(5))
        await server.stop()
    }

    @Test func pausesAreCounted() async throws {
        let consumer = CountingConsumer()
        let (server, port) = try await makeServer(consumer)
        let peer = try RawPeer(port: port)
        peer.send(try Self.frames(1...1))
        try await eventually("the first arrives") { consumer.received == 1 }
        let connection = try #require(server.connections.first)
        connection.pauseReading()
        connection.pauseReading()
        // The read that was asked for before the pause may still be served.
        peer.send(try Self.frames(2...2))
        try await eventually("the read under way ends") { consumer.received == 2 }
        peer.send(try Self.frames(3...3))
        connection.resumeReading()
        for _ in 0..<20 { try await connection.eventLoop.submit {}.get() }
        #expect(consumer.received == 2, "one pause is left")
        connection.resumeReading()
        connection.resumeReading()
        try await eventually("reading goes on") { consumer.received == 3 }
        connection.pauseReading()
        #expect(!connection.flow.mayRead(), "a resume too many doesn't make up for a pause")
        connection.resumeReading()
        peer.endWriting()
        #expect(try Self.acknowledged(peer.receive()) == [1, 2, 3])
        await server.stop()
    }

    @Test func connectionsAreLimited() async throws {
        let registry = Registry()
        let (server, port) = try await makeServer(CountingConsumer(), registry: registry) { $0.maxConnections = 2 }
        let peers = [try RawPeer(port: port), try RawPeer(port: port)]
        try await eventually("two are open") { server.connections.count == 2 }
        let refused = try RawPeer(port: port)
        #expect(refused.receive() == [])
        #expect(
            registry.value(
                "m3agg_message_queue_consumer_connections_closed_total",
                labels: [("server", "m3msg"), ("reason", "connection_limit")]) == 1)
        peers[0].send(try Self.frames(1...1))
        peers[0].endWriting()
        #expect(try Self.acknowledged(peers[0].receive()) == [1])
        await server.stop(deadline: .zero)
    }

    @Test func idleConnectionsAreClosedOnlyWhenAskedFor() async throws {
        let (server, port) = try await makeServer(CountingConsumer()) { $0.idleTimeout = .milliseconds(20) }
        let peer = try RawPeer(port: port)
        peer.send(try Self.frames(1...1))
        #expect(try Self.acknowledged(peer.receive()) == [1])
        await server.stop()
    }
}
