import EtcdProtocol
import FoundationEssentials
import KeyValue
import Logging
import SwiftProtobuf
import Synchronization
import Telemetry

struct EtcdWatchMetrics: Sendable {
    let restarts: Counter
    let repairs: Counter

    init(registry: Registry) {
        restarts = registry.counter(
            "m3agg_etcd_watch_restarts_total", help: "Watches on etcd that ended and were started again.")
        repairs = registry.counter(
            "m3agg_etcd_watch_repairs_total",
            help: "Changes of watched keys that the regular read found before the watch reported them.")
    }
}

/// One watched key: an etcd watch for speed, and reads for truth. A watch may be compacted away, end with its member or go silent,
/// so each start of it and each re-read interval reads the key.
final class EtcdWatch: Sendable {
    private static let firstBackoff = Duration.milliseconds(50)
    private static let maxBackoff = Duration.seconds(2)

    private let key: String
    private let client: EtcdClient
    private let rereadInterval: Duration
    private let metrics: EtcdWatchMetrics
    private let known: Mutex<WatchedKey>
    private let continuation: AsyncStream<VersionedValue?>.Continuation

    init(
        key: String, client: EtcdClient, rereadInterval: Duration, metrics: EtcdWatchMetrics, first: EtcdRead,
        continuation: AsyncStream<VersionedValue?>.Continuation
    ) {
        self.key = key
        self.client = client
        self.rereadInterval = rereadInterval
        self.metrics = metrics
        known = Mutex(WatchedKey(first))
        self.continuation = continuation
        continuation.yield(first.value)
    }

    /// Until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.follow() }
            group.addTask { await self.reread() }
        }
        continuation.finish()
    }

    private func reread() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: rereadInterval)
            guard !Task.isCancelled else { return }
            if (try? await read())?.isNews == true { metrics.repairs.add() }
        }
    }

    private func follow() async {
        var from = known.withLock(\.revision) + 1
        var backoff = Self.firstBackoff
        while !Task.isCancelled {
            do throws(GRPCError) {
                let heard = try await followOnce(from: from)
                if heard { backoff = Self.firstBackoff }
            } catch {
                guard !Task.isCancelled else { return }
                client.logger.debug("watch ended", metadata: ["key": "\(key)", "error": "\(error)"])
                if error.asksForNewToken { try? await client.renewToken() }
            }
            guard !Task.isCancelled else { return }
            metrics.restarts.add()
            // Half of it by chance, for the sake of a member that has just come back.
            try? await Task.sleep(for: backoff / 2 + .milliseconds(Int64.random(in: 0...backoff.milliseconds / 2)))
            backoff = min(backoff * 2, Self.maxBackoff)
            if let read = try? await read() { from = read.revision + 1 }
        }
    }

    /// Follows one etcd watch to its end; returns whether it was established.
    private func followOnce(from revision: Int64) async throws(GRPCError) -> Bool {
        var create = Etcdserverpb_WatchCreateRequest()
        create.key = Data(key.utf8)
        create.startRevision = revision
        create.progressNotify = true
        return try await client.watch(create) { response in
            // Readers see the newest value only, as with M3's watches.
            if let last = response.events.last { report(.init(last)) }
        }
    }

    private func report(_ fact: WatchedKey.Fact) {
        known.withLock { known in
            if known.learn(fact) { continuation.yield(known.value) }
        }
    }

    private func read() async throws(GRPCError) -> (revision: Int64, isNews: Bool) {
        let before = known.withLock(\.revision)
        let read = try await client.read(key)
        let isNews = known.withLock { known in
            let isNews = known.learn(read, knownBefore: before)
            if isNews { continuation.yield(known.value) }
            return isNews
        }
        return (read.revision, isNews)
    }
}
