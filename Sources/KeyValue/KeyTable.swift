/// The keys of a store and the rules for their versions, without any I/O: each change is first planned as a log record, then
/// applied once that record is durable.
struct KeyTable {
    private(set) var values: [String: VersionedValue] = [:]
    private(set) var revision: Int64 = 0
    /// Bytes that the live keys take in a log.
    private(set) var liveBytes = 0

    /// What a put demands of the key.
    enum Condition {
        case none
        case absent
        case version(Int64)
        case fence(Fence)
    }

    func planPut(
        _ key: String, _ value: [UInt8], if condition: Condition
    ) throws(KeyValueError) -> LogRecord {
        try KeyValueLimits.check(key: key, valueBytes: value.count)
        let current = values[key]?.version ?? 0
        switch condition {
        case .none: break
        case .absent: guard current == 0 else { throw .alreadyExists(key: key) }
        case .fence(let fence):
            // The guarding key is written once, so its only write is the one that created it.
            guard let found = values[fence.key], found.version == 1, found.revision == fence.createRevision else {
                throw .fenced(key: key, guard: fence.key)
            }
        case .version(let expected):
            guard current == expected else { throw .versionMismatch(key: key, expected: expected, actual: current) }
        }
        if current == 0, values.count >= EmbeddedStore.maxKeys {
            throw .storeFull(what: "the number of keys", limit: EmbeddedStore.maxKeys)
        }
        let record = LogRecord(kind: .put, version: current + 1, revision: revision + 1, key: key, value: value)
        let replacedBytes = values[key].map { Self.bytes(key, $0) } ?? 0
        if liveBytes - replacedBytes + record.encodedBytes > EmbeddedStore.maxLiveBytes {
            throw .storeFull(what: "the bytes of all keys and values", limit: EmbeddedStore.maxLiveBytes)
        }
        return record
    }

    func planDelete(_ key: String) throws(KeyValueError) -> (record: LogRecord, previous: VersionedValue) {
        try KeyValueLimits.check(key: key)
        guard let previous = values[key] else { throw .notFound(key: key) }
        return (LogRecord(kind: .delete, version: 0, revision: revision + 1, key: key, value: []), previous)
    }

    mutating func apply(_ record: LogRecord) {
        revision = max(revision, record.revision)
        if record.kind != .revision, let old = values.removeValue(forKey: record.key) {
            liveBytes -= Self.bytes(record.key, old)
        }
        if record.kind == .put {
            let value = VersionedValue(bytes: record.value, version: record.version, revision: record.revision)
            liveBytes += Self.bytes(record.key, value)
            values[record.key] = value
        }
    }

    /// The shortest log that gives this table.
    func compacted() -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(liveBytes + 64)
        LogRecord(kind: .revision, version: 0, revision: revision, key: "", value: []).append(to: &out)
        for (key, value) in values.sorted(by: { $0.value.revision < $1.value.revision }) {
            LogRecord(kind: .put, version: value.version, revision: value.revision, key: key, value: value.bytes)
                .append(to: &out)
        }
        return out
    }

    private static func bytes(_ key: String, _ value: VersionedValue) -> Int {
        LogRecord.headerBytes + LogRecord.fixedBodyBytes + key.utf8.count + value.bytes.count
    }
}
