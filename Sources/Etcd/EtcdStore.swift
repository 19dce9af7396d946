import EtcdProtocol
import FoundationEssentials
import KeyValue
import Logging
import NIOCore
import SwiftProtobuf
import Synchronization
import Telemetry

/// A key-value store in an etcd cluster, with M3's versions: a key's version is etcd's version of that key, and of two values the
/// one with the higher modification revision is newer. Keys are used as they are given. See `docs/etcd.md`.
///
/// Operations may throw `unavailable`, `refused` and `closed` besides what the protocol says.
public final class EtcdStore: KeyValueStore {
    public let client: EtcdClient
    private let rereadInterval: Duration
    private let watches = Mutex<[UInt64: Task<Void, Never>]?>([:])
    private let nextWatch = Atomic<UInt64>(0)
    private let metrics: EtcdWatchMetrics

    /// How often the key of a watch is read anew, whether or not a change was reported.
    public static let defaultRereadInterval = Duration.seconds(10)

    public init(client: EtcdClient, rereadInterval: Duration = EtcdStore.defaultRereadInterval) {
        self.client = client
        self.rereadInterval = rereadInterval
        metrics = EtcdWatchMetrics(registry: client.registry)
    }

    /// A store with a client of its own. Nothing is connected yet: the first operation does that.
    public convenience init(
        options: EtcdOptions, group: any EventLoopGroup, registry: Registry, logger: Logger,
        rereadInterval: Duration = EtcdStore.defaultRereadInterval
    ) {
        self.init(
            client: EtcdClient(options: options, group: group, registry: registry, logger: logger),
            rereadInterval: rereadInterval)
    }

    /// Ends all watches and closes the client.
    public func close() async {
        let open = watches.withLock { watches in
            defer { watches = nil }
            return watches ?? [:]
        }
        for task in open.values { task.cancel() }
        await client.close()
        for task in open.values { await task.value }
    }

    public func get(_ key: String) async throws(KeyValueError) -> VersionedValue {
        try KeyValueLimits.check(key: key)
        guard let value = try await mapped({ () throws(GRPCError) in try await client.read(key).value }) else {
            throw .notFound(key: key)
        }
        return value
    }

    @discardableResult
    public func set(_ key: String, _ value: [UInt8]) async throws(KeyValueError) -> Int64 {
        try KeyValueLimits.check(key: key, valueBytes: value.count)
        var request = Etcdserverpb_PutRequest()
        request.key = Data(key.utf8)
        request.value = Data(value)
        request.prevKv = true
        let response = try await mapped { () throws(GRPCError) -> Etcdserverpb_PutResponse in
            try await client.call(.put, request)
        }
        return response.prevKv.version + 1
    }

    @discardableResult
    public func setIfNotExists(_ key: String, _ value: [UInt8]) async throws(KeyValueError) -> Int64 {
        do {
            return try await checkAndSet(key, version: 0, value)
        } catch .versionMismatch {
            throw .alreadyExists(key: key)
        }
    }

    @discardableResult
    public func checkAndSet(_ key: String, version: Int64, _ value: [UInt8]) async throws(KeyValueError) -> Int64 {
        try KeyValueLimits.check(key: key, valueBytes: value.count)
        let (succeeded, response) = try await mapped { () throws(GRPCError) in
            try await client.put(key, value, if: [.version(key, is: version)])
        }
        guard succeeded else {
            let actual = response.responses.first?.responseRange.kvs.first?.version ?? 0
            throw .versionMismatch(key: key, expected: version, actual: actual)
        }
        return version + 1
    }

    @discardableResult
    public func set(
        _ key: String, _ value: [UInt8], guardedBy fence: Fence
    ) async throws(KeyValueError) -> Int64 {
        try KeyValueLimits.check(key: key, valueBytes: value.count)
        // Revision 0 is how etcd says that a key is absent, and an absent key guards nothing.
        guard fence.createRevision > 0 else { throw .fenced(key: key, guard: fence.key) }
        let (succeeded, response) = try await mapped { () throws(GRPCError) in
            try await client.put(key, value, if: [.created(fence.key, at: fence.createRevision)])
        }
        guard succeeded else { throw .fenced(key: key, guard: fence.key) }
        return (response.responses.first?.responsePut.prevKv.version ?? 0) + 1
    }

    @discardableResult
    public func delete(_ key: String) async throws(KeyValueError) -> VersionedValue {
        try KeyValueLimits.check(key: key)
        var request = Etcdserverpb_DeleteRangeRequest()
        request.key = Data(key.utf8)
        request.prevKv = true
        let response = try await mapped { () throws(GRPCError) -> Etcdserverpb_DeleteRangeResponse in
            try await client.call(.deleteRange, request)
        }
        guard let previous = response.prevKvs.first else { throw .notFound(key: key) }
        return VersionedValue(previous)
    }

    /// As the protocol says; also survives the loss of connections and members, restarts of etcd and compaction: each of them ends
    /// in a fresh read of the key, and so does every re-read interval.
    public func watch(_ key: String) async throws(KeyValueError) -> AsyncStream<VersionedValue?> {
        try KeyValueLimits.check(key: key)
        let first = try await mapped { () throws(GRPCError) in try await client.read(key) }
        let (stream, continuation) = AsyncStream.makeStream(
            of: VersionedValue?.self, bufferingPolicy: .bufferingNewest(1))
        let id = nextWatch.add(1, ordering: .relaxed).newValue
        let watch = EtcdWatch(
            key: key, client: client, rereadInterval: rereadInterval, metrics: metrics, first: first,
            continuation: continuation)
        let isOpen = watches.withLock { watches in
            guard watches != nil else { return false }
            watches?[id] = Task { await watch.run() }
            return true
        }
        guard isOpen else { throw .closed }
        continuation.onTermination = { [weak self] _ in
            self?.watches.withLock { $0?.removeValue(forKey: id) }?.cancel()
        }
        return stream
    }

    /// Readers of `watch` that have not stopped.
    var watchCount: Int { watches.withLock { $0?.count ?? 0 } }

    private func mapped<T>(_ body: () async throws(GRPCError) -> T) async throws(KeyValueError) -> T {
        do throws(GRPCError) {
            return try await body()
        } catch {
            throw error.keyValueError
        }
    }
}

extension EtcdStore {
    /// A lease, which lives until `revoke` or until nobody keeps it alive.
    public func grantLease(ttlSeconds: Int64) async throws(KeyValueError) -> EtcdLease {
        try await mapped { () throws(GRPCError) in try await client.grantLease(ttlSeconds: ttlSeconds) }
    }

    /// Gives the lease its full time again; false when it is gone.
    public func keepAlive(_ lease: EtcdLease) async throws(KeyValueError) -> Bool {
        try await mapped { () throws(GRPCError) in try await client.keepAlive(lease: lease.id) } > 0
    }

    /// Ends the lease and deletes its keys.
    public func revoke(_ lease: EtcdLease) async throws(KeyValueError) {
        try await mapped { () throws(GRPCError) in try await client.revoke(lease: lease.id) }
    }

    /// Creates a key that is deleted when the lease ends. Returns its fence. Throws `alreadyExists`, also when the key hangs on
    /// this very lease.
    public func setIfNotExists(
        _ key: String, _ value: [UInt8], lease: EtcdLease
    ) async throws(KeyValueError) -> Fence {
        try KeyValueLimits.check(key: key, valueBytes: value.count)
        let (succeeded, response) = try await mapped { () throws(GRPCError) in
            try await client.put(key, value, lease: lease.id, if: [.created(key, at: 0)])
        }
        guard succeeded else { throw .alreadyExists(key: key) }
        return Fence(key: key, createRevision: response.header.revision)
    }
}
