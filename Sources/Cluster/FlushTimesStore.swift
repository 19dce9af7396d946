import KeyValue

/// The flush times of one shard set. Errors of the key-value store come as `ClusterError.keyValue`.
///
/// The whole value is replaced with each write, never merged, as M3 does. The key must not be deleted while an aggregator of M3
/// runs in the shard set: it would crash.
public struct FlushTimesStore: Sendable {
    public let key: String
    private let store: any KeyValueStore
    private let values: ValueStore<FlushTimes>

    public init(
        store: any KeyValueStore, shardSetID: UInt32, environment: String = ServiceID.defaultEnvironment,
        format: ShardSetKeyFormat = .flushTimes
    ) {
        self.store = store
        key = ControlKeys.flushTimes(shardSetID: shardSetID, environment: environment, format: format)
        values = ValueStore(
            store: store,
            decode: { (bytes) throws(ClusterError) in try FlushTimes(protobuf: bytes) },
            encode: { (times) throws(ClusterError) in try times.protobuf() })
    }

    /// nil when nobody has flushed yet.
    public func get() async throws(ClusterError) -> Versioned<FlushTimes>? {
        try await values.get(key)
    }

    /// Writes only while this member's candidate key is the one that made it leader, so that a leader that has been superseded
    /// can't overwrite its successor's times. To others it looks like any write. Returns the new version. Throws
    /// `keyValue(.fenced)` when the leadership is gone.
    @discardableResult
    public func set(_ times: FlushTimes, guardedBy fence: Fence) async throws(ClusterError) -> Int64 {
        let bytes = try times.protobuf()
        do {
            return try await store.set(key, bytes, guardedBy: fence)
        } catch {
            throw .keyValue(error)
        }
    }

    /// The current value, if there is one, then each newer one. Deletions are passed over, and values that can't be decoded are
    /// reported as rejected.
    public func watch() async throws(ClusterError) -> ValueWatch<FlushTimes> {
        try await values.watch(key)
    }
}
