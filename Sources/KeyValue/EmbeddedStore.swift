/// A key-value store in files of one directory, for a process that is its own cluster.
///
/// Each change is appended to a log and synced before the call returns; a crash loses nothing that had returned. One process at
/// a time may hold the directory. Keeps the latest value of each key, not its history.
public actor EmbeddedStore: KeyValueStore {
    /// Keys in the store at a time: a control plane has a few dozen, so this only stops a runaway.
    public static let maxKeys = 65_536
    /// Bytes of all live keys and values, since they are held in memory.
    public static let maxLiveBytes = 64 * 1_048_576
    /// The log is rewritten once it is this large and at least half of it is out of date.
    public static let defaultMinCompactionBytes = 262_144

    private let executor = QueueExecutor(label: "m3agg.keyvalue")
    private let minCompactionBytes: Int
    private var log: LogFile?
    private var table = KeyTable()
    private var watchers = WatcherTable()

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens or creates the store; blocks while it reads the log. Throws `locked`, `corrupted`, `unavailable`.
    public init(
        directory: String, minCompactionBytes: Int = EmbeddedStore.defaultMinCompactionBytes
    ) throws(KeyValueError) {
        let opened = try LogFile.open(directory: directory)
        for record in opened.records { table.apply(record) }
        log = opened.file
        self.minCompactionBytes = minCompactionBytes
    }

    /// Releases the directory and ends all watches; later calls throw `closed`.
    public func close() {
        log = nil
        watchers.finishAll()
    }

    public func get(_ key: String) throws(KeyValueError) -> VersionedValue {
        try KeyValueLimits.check(key: key)
        guard log != nil else { throw .closed }
        guard let value = table.values[key] else { throw .notFound(key: key) }
        return value
    }

    @discardableResult
    public func set(_ key: String, _ value: [UInt8]) throws(KeyValueError) -> Int64 {
        try put(key, value, if: .none)
    }

    @discardableResult
    public func setIfNotExists(_ key: String, _ value: [UInt8]) throws(KeyValueError) -> Int64 {
        try put(key, value, if: .absent)
    }

    @discardableResult
    public func checkAndSet(_ key: String, version: Int64, _ value: [UInt8]) throws(KeyValueError) -> Int64 {
        try put(key, value, if: .version(version))
    }

    @discardableResult
    public func set(_ key: String, _ value: [UInt8], guardedBy fence: Fence) throws(KeyValueError) -> Int64 {
        try put(key, value, if: .fence(fence))
    }

    @discardableResult
    public func delete(_ key: String) throws(KeyValueError) -> VersionedValue {
        let (record, previous) = try table.planDelete(key)
        try commit(record)
        return previous
    }

    public func watch(_ key: String) throws(KeyValueError) -> AsyncStream<VersionedValue?> {
        try KeyValueLimits.check(key: key)
        guard log != nil else { throw .closed }
        let (stream, id) = watchers.add(key: key, current: table.values[key])
        watchers.onTermination(key: key, id: id) { [weak self] in
            guard let self else { return }
            Task { await self.removeWatcher(key: key, id: id) }
        }
        return stream
    }

    /// Readers of `watch` that have not stopped.
    var watcherCount: Int { watchers.count }

    /// Bytes in the log file.
    var logBytes: Int { log?.size ?? 0 }

    private func removeWatcher(key: String, id: UInt64) {
        watchers.remove(key: key, id: id)
    }

    private func put(_ key: String, _ value: [UInt8], if condition: KeyTable.Condition) throws(KeyValueError) -> Int64 {
        let record = try table.planPut(key, value, if: condition)
        try commit(record)
        return record.version
    }

    private func commit(_ record: LogRecord) throws(KeyValueError) {
        guard let log else { throw .closed }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(record.encodedBytes)
        record.append(to: &bytes)
        try log.append(bytes)
        table.apply(record)
        watchers.publish(key: record.key, table.values[record.key])
        if log.size >= minCompactionBytes, log.size / 2 > table.liveBytes {
            // The change above is durable already: a failed compaction leaves the old log in use and is tried again at the next
            // change; a disk that no longer answers shows in that change's own append.
            try? log.replace(with: table.compacted())
        }
    }
}
