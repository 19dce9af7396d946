import KeyValue

/// A value with the version it was read at.
public struct Versioned<Value: Sendable>: Sendable {
    public var value: Value
    /// The key's version, for compare-and-set.
    public var version: Int64

    public init(value: Value, version: Int64) {
        self.value = value
        self.version = version
    }
}

extension Versioned: Equatable where Value: Equatable {}

/// Values of one kind over a key-value store: decoding, encoding and versions, which are the same for all of them.
struct ValueStore<Value: Sendable>: Sendable {
    var store: any KeyValueStore
    var decode: @Sendable ([UInt8]) throws(ClusterError) -> Value
    var encode: @Sendable (Value) throws(ClusterError) -> [UInt8]

    /// nil when the key is absent.
    func get(_ key: String) async throws(ClusterError) -> Versioned<Value>? {
        let stored: VersionedValue
        do {
            stored = try await store.get(key)
        } catch .notFound {
            return nil
        } catch {
            throw .keyValue(error)
        }
        return Versioned(value: try decode(stored.bytes), version: stored.version)
    }

    /// Version 0: create. Returns the new version.
    func checkAndSet(_ key: String, version: Int64, _ value: Value) async throws(ClusterError) -> Int64 {
        let bytes = try encode(value)
        do {
            return try await store.checkAndSet(key, version: version, bytes)
        } catch {
            throw .keyValue(error)
        }
    }

    func delete(_ key: String) async throws(ClusterError) {
        do {
            try await store.delete(key)
        } catch {
            throw .keyValue(error)
        }
    }

    func watch(_ key: String) async throws(ClusterError) -> ValueWatch<Value> {
        do {
            return ValueWatch(stored: try await store.watch(key), decode: decode)
        } catch {
            throw .keyValue(error)
        }
    }

    /// Brings the key to what `change` makes of its value (nil: absent). Nothing is written when that equals what is there; a
    /// write that another one overtook is tried again with the newer value. Throws `contended` after `attempts`.
    func update(
        _ key: String, attempts: Int = 5, _ change: (Value?) throws(ClusterError) -> Value
    ) async throws(ClusterError) -> Versioned<Value> where Value: Equatable {
        for _ in 0..<attempts {
            let current = try await get(key)
            let wanted = try change(current?.value)
            if let current, current.value == wanted { return current }
            do {
                let version = try await checkAndSet(key, version: current?.version ?? 0, wanted)
                return Versioned(value: wanted, version: version)
            } catch .keyValue(.versionMismatch) {
                continue
            }
        }
        throw .contended(key: key, attempts: attempts)
    }
}
