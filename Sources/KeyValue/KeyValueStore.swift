/// A versioned key-value store with M3's semantics, whatever it is kept in.
///
/// A key's version is 1 when it is created, one more with each write and starts again at 1 after a delete; 0 stands for an
/// absent key. All operations are linearizable, and one that returned is durable. See `docs/architecture.md`, "Control plane".
public protocol KeyValueStore: Sendable {
    /// The value and version of `key`. Throws `notFound`.
    func get(_ key: String) async throws(KeyValueError) -> VersionedValue

    /// Writes whatever the version is; returns the new version.
    @discardableResult
    func set(_ key: String, _ value: [UInt8]) async throws(KeyValueError) -> Int64

    /// Writes if the key is absent; returns the new version, which is 1. Throws `alreadyExists`.
    @discardableResult
    func setIfNotExists(_ key: String, _ value: [UInt8]) async throws(KeyValueError) -> Int64

    /// Writes if the key has this version (0: is absent); returns the new version. Throws `versionMismatch`.
    @discardableResult
    func checkAndSet(_ key: String, version: Int64, _ value: [UInt8]) async throws(KeyValueError) -> Int64

    /// Writes if the guarding key still is the one that the fence names; returns the new version. Throws `fenced`, also when
    /// the guarding key is gone.
    @discardableResult
    func set(_ key: String, _ value: [UInt8], guardedBy fence: Fence) async throws(KeyValueError) -> Int64

    /// Removes the key; returns what it had. Throws `notFound`.
    @discardableResult
    func delete(_ key: String) async throws(KeyValueError) -> VersionedValue

    /// The current value at once (nil when absent), then each change. A slow reader misses values in between but always gets
    /// the newest; an element is never older than the one before it. The sequence ends when the store is closed or its reader
    /// stops.
    func watch(_ key: String) async throws(KeyValueError) -> AsyncStream<VersionedValue?>
}

/// A value with the version it was read at.
public struct VersionedValue: Sendable, Hashable {
    public var bytes: [UInt8]
    /// At least 1; +1 with each write of the key, 1 again after a delete.
    public var version: Int64
    /// Number of the write within the whole store. Of two values of one key the one with the higher revision is newer, also
    /// across a delete.
    public var revision: Int64

    public init(bytes: [UInt8], version: Int64, revision: Int64) {
        self.bytes = bytes
        self.version = version
        self.revision = revision
    }
}

/// A key that must still be the one which was created at a certain revision, for a write that is only valid as long as it is: an
/// election candidate's, which nobody writes a second time.
public struct Fence: Sendable, Hashable {
    public var key: String
    /// Revision of the write that created the key; it never returns once the key has been deleted.
    public var createRevision: Int64

    public init(key: String, createRevision: Int64) {
        self.key = key
        self.createRevision = createRevision
    }
}

/// Limits that every store keeps.
public enum KeyValueLimits {
    /// Bytes of UTF-8 in a key. Names of M3 are far below; a longer one is a mistake.
    public static let maxKeyBytes = 1024
    /// Bytes in a value: below etcd's default request limit of 1.5 MiB, so that what the embedded store takes etcd takes too.
    public static let maxValueBytes = 1_048_576

    /// Throws `invalidKey` or `valueTooLarge`.
    public static func check(key: String, valueBytes: Int = 0) throws(KeyValueError) {
        let keyBytes = key.utf8.count
        guard keyBytes > 0 else { throw .invalidKey(key: key, reason: "it is empty; give at least one byte") }
        guard keyBytes <= maxKeyBytes else {
            throw .invalidKey(
                key: "\(key.prefix(64))…", reason: "it has \(keyBytes) bytes; shorten it to at most \(maxKeyBytes)")
        }
        guard valueBytes <= maxValueBytes else {
            throw .valueTooLarge(key: key, bytes: valueBytes, limit: maxValueBytes)
        }
    }
}
