/// The readers of each key. A reader's buffer holds one value, the newest, as M3's watches do.
struct WatcherTable {
    private typealias Continuation = AsyncStream<VersionedValue?>.Continuation

    private var byKey: [String: [UInt64: Continuation]] = [:]
    private var nextID: UInt64 = 0

    var count: Int { byKey.values.reduce(0) { $0 + $1.count } }

    mutating func add(key: String, current: VersionedValue?) -> (stream: AsyncStream<VersionedValue?>, id: UInt64) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: VersionedValue?.self, bufferingPolicy: .bufferingNewest(1))
        continuation.yield(current)
        nextID += 1
        byKey[key, default: [:]][nextID] = continuation
        return (stream, nextID)
    }

    func onTermination(key: String, id: UInt64, _ body: @escaping @Sendable () -> Void) {
        byKey[key]?[id]?.onTermination = { _ in body() }
    }

    mutating func remove(key: String, id: UInt64) {
        byKey[key]?[id] = nil
        if byKey[key]?.isEmpty == true { byKey[key] = nil }
    }

    func publish(key: String, _ value: VersionedValue?) {
        for continuation in (byKey[key] ?? [:]).values { continuation.yield(value) }
    }

    mutating func finishAll() {
        let all = byKey
        byKey = [:]
        for continuations in all.values { for continuation in continuations.values { continuation.finish() } }
    }
}
