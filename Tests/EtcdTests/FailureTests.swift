import KeyValue
import NIOCore
import NIOPosix
import Telemetry
import TestKit
import Testing

@testable import Etcd

/// What the store does when members of etcd stop, freeze, forget and refuse.
@Suite struct FailureTests {
    @Test func aThousandCallsAndAWatchShareOneConnection() async throws {
        let cluster = try await EtcdCluster()
        let registry = Registry()
        let store = try makeStore(cluster.endpoints, registry: registry)
        let watch = try await store.watch("n")
        for n in 0..<1000 { try await store.set("n", [UInt8(n & 255), UInt8(n >> 8)]) }
        let last = await next(of: watch) { $0?.version == 1000 }
        #expect(last??.bytes == [UInt8(999 & 255), UInt8(999 >> 8)])
        #expect(registry.counter("m3agg_etcd_connects_total", help: "").value == 1)
        #expect(registry.counter("m3agg_etcd_watch_restarts_total", help: "").value == 0)
        await store.close()
        await cluster.stopAll()
    }

    @Test func nobodyThereIsUnavailableWithinTheTimeout() async throws {
        let port = try freePort()
        let store = try makeStore(["127.0.0.1:\(port)"]) { $0.requestTimeout = .milliseconds(300) }
        for operation in [{ _ = try await store.get("a") }, { _ = try await store.watch("a") }]
            as [() async throws -> Void]
        {
            let error = await #expect(throws: KeyValueError.self) { try await operation() }
            guard case .unavailable(let reason) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(reason.contains("127.0.0.1:\(port)"))
        }
        await store.close()
        await #expect(throws: KeyValueError.closed) { try await store.get("a") }
        await #expect(throws: KeyValueError.closed) { try await store.watch("a") }
    }

    @Test func aServerThatSpeaksNoHTTP2IsUnavailable() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let store = try makeStore(["127.0.0.1:\(port)"]) { $0.requestTimeout = .seconds(1) }
        let error = await #expect(throws: KeyValueError.self) { try await store.get("a") }
        if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
        await store.close()
        try await server.close()
    }

    @Test func aWatchGoesOnAfterARestartWithWhatChangedMeanwhile() async throws {
        try await withEtcd { cluster, store in
            try await store.set("a", [1])
            let watch = try await store.watch("a")
            #expect(await next(of: watch) { $0?.bytes == [1] } != nil)
            await cluster.stop()
            try await cluster.start()
            let writer = try makeStore(cluster.endpoints)
            try await writer.set("a", [2])
            await writer.close()
            #expect(await next(of: watch) { $0?.bytes == [2] } != nil)
            try await store.set("a", [3])
            #expect(await next(of: watch) { $0?.bytes == [3] } != nil)
        }
    }

    @Test func aWatchOutlivesTheCompactionOfWhatItMissed() async throws {
        try await withEtcd { cluster, store in
            try await store.set("a", [0])
            let watch = try await store.watch("a")
            #expect(await next(of: watch) { $0?.bytes == [0] } != nil)
            await cluster.stop()
            try await cluster.start()
            // Written and compacted through etcdctl, so that all of it may happen before the watch stands again.
            for n in 1...5 { try await cluster.control(["put", "a", "\(n)"]) }
            try await cluster.control(["del", "a"])
            try await cluster.control(["put", "a", "last"])
            let revision = try await store.get("a").revision
            try await cluster.control(["compaction", "\(revision)"])
            let last = await next(of: watch) { $0?.bytes == Array("last".utf8) }
            #expect(last??.version == 1)
            try await store.set("a", [9])
            #expect(await next(of: watch) { $0?.bytes == [9] } != nil)
        }
    }

    /// A watch that starts behind a compaction is refused by etcd with the oldest revision that is left.
    @Test func aWatchFromACompactedRevisionStartsAgainWithARead() async throws {
        try await withEtcd { cluster, store in
            for n in UInt8(0)..<10 { try await store.set("a", [n]) }
            try await store.client.compact(before: store.get("a").revision)
            let (stream, continuation) = AsyncStream.makeStream(of: VersionedValue?.self)
            let registry = Registry()
            let watch = EtcdWatch(
                key: "a", client: store.client, rereadInterval: .seconds(600),
                metrics: EtcdWatchMetrics(registry: registry), first: EtcdRead(value: nil, revision: 1),
                continuation: continuation)
            let task = Task { await watch.run() }
            #expect(await next(of: stream) { $0?.bytes == [9] } != nil)
            #expect(registry.counter("m3agg_etcd_watch_restarts_total", help: "").value >= 1)
            task.cancel()
            await task.value
        }
    }

    @Test func theRegularReadFindsWhatAFrozenWatchKeepsBack() async throws {
        try await withEtcd(members: 3, rereadInterval: .milliseconds(200)) { cluster, store in
            try await store.set("a", [1])
            let watch = try await store.watch("a")
            #expect(await next(of: watch) { $0?.bytes == [1] } != nil)
            // The member that the watch stands on answers nothing, but its connection stays open.
            cluster.freeze(0)
            let writer = try makeStore(Array(cluster.endpoints.dropFirst()))
            try await eventually("the others take a write") { try await writer.set("a", [2]) > 0 }
            #expect(await next(of: watch) { $0?.bytes == [2] } != nil)
            cluster.thaw(0)
            await writer.close()
        }
    }

    @Test func anyTwoOfThreeMembersAreEnough() async throws {
        try await withEtcd(members: 3) { cluster, store in
            let watch = try await store.watch("a")
            for member in 0..<3 {
                await cluster.stop(member)
                let value = [UInt8(member)]
                try await eventually("a write succeeds without member \(member)", deadline: .seconds(60)) {
                    try await store.set("a", value) > 0
                }
                #expect(try await store.get("a").bytes == value)
                #expect(await next(of: watch) { $0?.bytes == value } != nil)
                try await cluster.start(member)
            }
        }
    }

    @Test func withoutAQuorumNothingIsReadOrWritten() async throws {
        let cluster = try await EtcdCluster(members: 3)
        let store = try makeStore(cluster.endpoints) { $0.requestTimeout = .seconds(2) }
        try await eventually("the cluster is up") { try await store.set("a", [1]) > 0 }
        await cluster.stop(0)
        await cluster.stop(1)
        for operation in [{ _ = try await store.get("a") }, { _ = try await store.set("a", [2]) }]
            as [() async throws -> Void]
        {
            let error = await #expect(throws: KeyValueError.self) { try await operation() }
            guard case .unavailable = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        try await cluster.start(0)
        try await eventually("the cluster is back", deadline: .seconds(60)) { try await store.get("a").version > 0 }
        await store.close()
        await cluster.stopAll()
    }

    @Test func readersThatStopAreForgottenAndClosingEndsTheOthers() async throws {
        try await withEtcd { _, store in
            let kept = try await store.watch("a")
            do {
                let dropped = try await store.watch("a")
                #expect(await next(of: dropped) { $0 == nil } != nil)
            }
            try await eventually("one watch is left") { store.watchCount == 1 }
            await store.close()
            #expect(store.watchCount == 0)
            var elements = 0
            for await _ in kept { elements += 1 }
            #expect(elements <= 1)
        }
    }

    @Test func keysOnALeaseGoWithIt() async throws {
        try await withEtcd { _, store in
            let lease = try await store.grantLease(ttlSeconds: 60)
            let fence = try await store.setIfNotExists("a", [1], lease: lease)
            #expect(fence.createRevision == (try await store.get("a").revision))
            await #expect(throws: KeyValueError.alreadyExists(key: "a")) {
                try await store.setIfNotExists("a", [2], lease: lease)
            }
            #expect(try await store.keepAlive(lease))
            let watch = try await store.watch("a")
            try await store.revoke(lease)
            #expect(await next(of: watch) { $0 == nil } != nil)
            #expect(try await store.keepAlive(lease) == false)
            try await store.revoke(lease)

            let brief = try await store.grantLease(ttlSeconds: 2)
            _ = try await store.setIfNotExists("b", [], lease: brief)
            try await eventually("the lease runs out") {
                do {
                    _ = try await store.get("b")
                    return false
                } catch KeyValueError.notFound {
                    return true
                }
            }
        }
    }
}
