/// Remembers which messages were applied, so that a redelivery is acknowledged and not applied again.
///
/// A message is known by its producer's epoch, its replicated shard and its id. Producers without an epoch (M3's) are
/// not filtered. Memory is bounded: what doesn't fit is forgotten and counted, and a forgotten or never seen id always
/// counts as not applied. Pure; one owner, usually the worker that applies the messages. Source:
/// `docs/message-queue.md`, "Redelivery".
public struct RedeliveryFilter: Sendable {
    public struct Options: Sendable {
        /// Queues (epoch and shard) that are remembered; messages of further ones aren't.
        public var maxQueues = 65_536
        /// Bitmap entries per queue, each 512 ids and about 96 bytes; beyond that the lowest ids are forgotten.
        public var maxEntriesPerQueue = 1_024
        /// Bitmap entries in all.
        public var maxEntries = 262_144
        /// Time without a message after which an epoch is forgotten. It must exceed the longest time that a producer
        /// waits before it sends a message again.
        public var idleLifetimeNanos: Int64 = 6 * 3_600_000_000_000

        public init() {}
    }

    private struct Queue {
        var shard: UInt64
        var applied = AppliedIDs()
    }

    private struct Epoch {
        var number: UInt64
        var lastUsed: Int64
        var queues: [Queue] = []
        /// Open addressing by shard: index into `queues`, -1 for free.
        var table: [Int32] = Array(repeating: -1, count: 16)

        @inline(__always)
        func find(_ shard: UInt64) -> Int? {
            let mask = table.count &- 1
            var slot = Epoch.hash(shard) & mask
            while true {
                let index = Int(table[slot])
                if index < 0 { return nil }
                if queues[index].shard == shard { return index }
                slot = (slot &+ 1) & mask
            }
        }

        mutating func insert(_ shard: UInt64) -> Int {
            queues.append(Queue(shard: shard))
            if queues.count * 2 > table.count {
                table = Array(repeating: -1, count: table.count * 2)
                for index in queues.indices { place(index) }
            } else {
                place(queues.count - 1)
            }
            return queues.count - 1
        }

        private mutating func place(_ index: Int) {
            let mask = table.count - 1
            var slot = Epoch.hash(queues[index].shard) & mask
            while table[slot] >= 0 { slot = (slot + 1) & mask }
            table[slot] = Int32(truncatingIfNeeded: index)
        }

        @inline(__always)
        private static func hash(_ shard: UInt64) -> Int {
            Int(truncatingIfNeeded: (shard &* 0x9e37_79b9_7f4a_7c15) >> 33)
        }
    }

    private let options: Options
    private var epochs: [Epoch] = []
    private var lastEpoch = 0
    private var numberOfQueues = 0
    private var numberOfEntries = 0

    /// Messages that were reported as applied before.
    public private(set) var duplicates: UInt64 = 0
    /// Times that ids were forgotten, or not remembered, because a limit was reached.
    public private(set) var overflows: UInt64 = 0

    public init(options: Options = Options()) { self.options = options }

    public var epochCount: Int { epochs.count }
    public var queueCount: Int { numberOfQueues }
    /// Bitmap entries in use; each is about 96 bytes.
    public var entryCount: Int { numberOfEntries }

    /// Whether the message was applied before. `now` in nanoseconds, any clock that doesn't go back.
    public mutating func isApplied(epoch: UInt64, shard: UInt64, id: UInt64, now: Int64) -> Bool {
        guard epoch != 0, let position = find(epoch) else { return false }
        epochs[position].lastUsed = max(epochs[position].lastUsed, now)
        guard let queue = epochs[position].find(shard), epochs[position].queues[queue].applied.contains(id) else {
            return false
        }
        duplicates &+= 1
        return true
    }

    /// Remembers that the message was applied.
    public mutating func markApplied(epoch: UInt64, shard: UInt64, id: UInt64, now: Int64) {
        guard epoch != 0 else { return }
        let position: Int
        if let known = find(epoch) {
            position = known
        } else {
            guard hasRoomForQueue(now: now) else {
                overflows &+= 1
                return
            }
            epochs.append(Epoch(number: epoch, lastUsed: now))
            position = epochs.count - 1
            lastEpoch = position
        }
        epochs[position].lastUsed = max(epochs[position].lastUsed, now)
        insert(shard, id, position, now: now)
    }

    private mutating func insert(_ shard: UInt64, _ id: UInt64, _ position: Int, now: Int64) {
        let queue: Int
        if let known = epochs[position].find(shard) {
            queue = known
        } else {
            guard numberOfQueues < options.maxQueues else {
                overflows &+= 1
                return
            }
            queue = epochs[position].insert(shard)
            numberOfQueues += 1
        }
        let before = epochs[position].queues[queue].applied.entryCount
        // One more than it has while there is room; at the total limit a queue grows at the cost of its own lowest ids.
        let limit =
            numberOfEntries < options.maxEntries ? options.maxEntriesPerQueue : min(before, options.maxEntriesPerQueue)
        if case .forgot = epochs[position].queues[queue].applied.insert(id, maxEntries: limit) { overflows &+= 1 }
        numberOfEntries += epochs[position].queues[queue].applied.entryCount - before
    }

    /// Forgets the epochs that were idle for ``Options/idleLifetimeNanos``. To be called now and then.
    public mutating func expire(now: Int64) {
        let (deadline, overflow) = now.subtractingReportingOverflow(options.idleLifetimeNanos)
        guard !overflow else { return }
        epochs.removeAll { $0.lastUsed < deadline }
        lastEpoch = 0
        numberOfQueues = epochs.reduce(0) { $0 + $1.queues.count }
        numberOfEntries = epochs.reduce(0) { $0 + $1.queues.reduce(0) { $0 + $1.applied.entryCount } }
    }

    private mutating func hasRoomForQueue(now: Int64) -> Bool {
        if numberOfQueues >= options.maxQueues { expire(now: now) }
        return numberOfQueues < options.maxQueues
    }

    /// Messages come in runs of one epoch; there are as many epochs as producers, so a search is short and rare.
    @inline(__always)
    private mutating func find(_ epoch: UInt64) -> Int? {
        if lastEpoch < epochs.count, epochs[lastEpoch].number == epoch { return lastEpoch }
        guard let index = epochs.firstIndex(where: { $0.number == epoch }) else { return nil }
        lastEpoch = index
        return index
    }
}
