import Logging
import Metrics
import NIOCore
import NIOPosix
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import MessageQueue

@Suite(.serialized) struct InstanceClientTests {
    private static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private final class Frames: RawTCPConsumer {
        let payloads = Mutex<[[UInt8]]>([])

        func consume(_ batch: RawTCPBatch) -> RawTCPRefusal? {
            let new = batch.buffer.withUnsafeReadableBytes { bytes in
                batch.payloads.map { Array(bytes[$0.offset..<$0.end]) }
            }
            payloads.withLock { $0 += new }
            return nil
        }
    }

    private func server(_ frames: Frames, port: Int = 0) async throws -> (RawTCPServer, String) {
        let server = RawTCPServer(
            group: Self.loops, host: "127.0.0.1", port: port, consumer: frames, registry: Registry(),
            logger: Self.quiet)
        return (server, "127.0.0.1:\(try await server.start().port ?? 0)")
    }

    private func client(
        _ targets: [[InstanceRoute.Target]], _ change: (inout InstanceClientOptions) -> Void = { _ in }
    ) throws -> InstanceClient {
        var options = InstanceClientOptions()
        options.reconnect = Backoff(initial: .milliseconds(5), factor: 1, max: nil, jitter: false)
        change(&options)
        return try InstanceClient.start(
            route: InstanceRoute(targets: targets), options: options, group: Self.loops, registry: Registry(),
            logger: Self.quiet)
    }

    private func isBalanced(_ stats: InstanceClientStats) -> Bool {
        stats.produced == stats.queued + stats.sent + stats.dropped.values.reduce(0, +)
    }

    @Test func allOwnersOfAShardGetItsMetricsInOrder() async throws {
        let (first, second) = (Frames(), Frames())
        let (one, a) = try await server(first)
        let (two, b) = try await server(second)
        let client = try client([
            [.init(endpoint: a), .init(endpoint: b)], [.init(endpoint: b)], [],
        ])
        var batch = PayloadBatch()
        for number: UInt8 in 0..<100 { batch.append(shard: UInt32(number % 3), [1, number]) }
        client.send(batch)
        let stats = await client.close(deadline: .seconds(30))
        _ = try await poll("all frames") { second.payloads.withLock { $0.count } == 67 ? true : nil }
        _ = try await poll("the first's frames") { first.payloads.withLock { $0.count } == 34 ? true : nil }
        #expect(first.payloads.withLock { $0.map { $0[1] } } == (0..<100).filter { $0 % 3 == 0 })
        #expect(second.payloads.withLock { $0.map { $0[1] } } == (0..<100).filter { $0 % 3 != 2 })
        #expect(stats.sent == 101 && stats.dropped == [.noInstance: 33])
        #expect(isBalanced(stats))
        await one.stop()
        await two.stop()
    }

    @Test func whatIsQueuedWaitsForTheInstanceToComeUp() async throws {
        let port = try freePort()
        let client = try client([[.init(endpoint: "127.0.0.1:\(port)")]])
        var batch = PayloadBatch()
        batch.append(shard: 0, [7, 7, 7])
        client.send(batch)
        _ = try await poll("a failed connect") { client.stats.connectFailures > 0 ? true : nil }
        #expect(client.stats.queued == 1)
        let frames = Frames()
        let (server, _) = try await server(frames, port: port)
        _ = try await poll("the frame") { frames.payloads.withLock { $0 == [[7, 7, 7]] } ? true : nil }
        let stats = await client.close(deadline: .seconds(30))
        #expect(stats.sent == 1 && isBalanced(stats))
        await server.stop()
    }

    @Test func whatCantBeSentIsCountedByReason() async throws {
        let port = try freePort()
        let client = try client([[.init(endpoint: "127.0.0.1:\(port)")]]) {
            $0.maxChunks = 2
            $0.maxMessageBytes = 8
        }
        for number: UInt8 in 0..<5 {
            var batch = PayloadBatch()
            batch.append(shard: 0, [number])
            client.send(batch)
        }
        var batch = PayloadBatch()
        batch.append(shard: 0, Array(repeating: 1, count: 9))
        batch.append(shard: 9, [1])
        client.send(batch)
        let stats = await client.close(deadline: .zero)
        #expect(stats.dropped == [.queueFullOldest: 3, .closed: 2, .tooLarge: 1, .noInstance: 1])
        #expect(stats.sent == 0 && isBalanced(stats))
        client.send(batch)
        #expect(client.stats.dropped[.closed] == 4)
    }

    @Test func aMetricOutsideTheTimesOfAnInstanceIsNotForIt() async throws {
        let frames = Frames()
        let (server, endpoint) = try await server(frames)
        let client = try client([[.init(endpoint: endpoint, times: 100...200)]])
        var batch = PayloadBatch()
        for nanos: Int64 in [99, 100, 200, 201] {
            var writer = ByteWriter()
            let id: [UInt8] = [65]
            MetricWriter.appendForwarded(
                type: .gauge, id: id.span.bytes, timeNanos: nanos, values: [1.0].span, metadata: RawSpan(),
                to: &writer)
            batch.append(shard: 0, writer.array())
        }
        batch.append(shard: 0, [0xff])
        client.send(batch)
        let stats = await client.close(deadline: .seconds(30))
        #expect(stats.sent == 2 && stats.dropped == [.outsideShardTimes: 2, .unreadable: 1])
        await server.stop()
    }

    @Test func aPlacementThatChangesMovesWhatComesLater() async throws {
        let (first, second) = (Frames(), Frames())
        let (one, a) = try await server(first)
        let (two, b) = try await server(second)
        let client = try client([[.init(endpoint: a)]])
        var batch = PayloadBatch()
        batch.append(shard: 0, [1])
        client.send(batch)
        try client.update(route: InstanceRoute(targets: [[.init(endpoint: b)]]))
        client.send(batch)
        _ = try await poll("both frames") {
            first.payloads.withLock { $0.count } == 1 && second.payloads.withLock { $0.count } == 1 ? true : nil
        }
        #expect(throws: InstanceRouteError.shardCountChanged(from: 1, to: 2)) {
            try client.update(route: InstanceRoute(targets: [[], []]))
        }
        #expect(isBalanced(await client.close(deadline: .seconds(30))))
        await one.stop()
        await two.stop()
    }
}
