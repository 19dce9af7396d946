/// The messages of one shard on their way to one replica, or to any instance of a SHARED service: ids, retry times and
/// acknowledgements. Pure: time comes in as an argument, payloads stay in ``PayloadSlots``.
///
/// Entries stand in a ring in the order of their ids, so an id is an index. An entry that ended leaves a gap until it
/// reaches the front. When a few old entries hold up a ring of mostly gaps, they move to a dictionary of stragglers:
/// memory follows the number of living entries.
struct MessageWriterQueue {
    struct Entry: Equatable {
        var slot: UInt32
        var offset: UInt32
        var length: UInt32
        /// Attempts so far; stays at its maximum.
        var attempts: UInt16
        /// The connection of the last attempt.
        var connection: UInt16
        /// When the next attempt is due; of no meaning before the first.
        var retryAt: Int64

        static let ended = UInt32.max
        var isAlive: Bool { slot != Entry.ended }
    }

    /// The shard number on the wire: `replica × number of shards + shard` for REPLICATED services.
    let replicatedShard: UInt64
    /// Index of the candidate set whose connections may carry the queue.
    var set: Int
    /// Index of the buffer that new messages count against.
    var account: Int
    var cutoverNanos: Int64
    var cutoffNanos: Int64
    /// True while the queue stands in its set's list of queues with unsent messages.
    var isListed = false

    private var ring: [Entry]
    private var mask: Int
    private var first = 0
    private(set) var count = 0
    private var headID: UInt64 = 1
    /// Index of the first entry without an attempt.
    private var unsent = 0
    private(set) var alive = 0
    private var stragglers: [UInt64: Entry] = [:]
    /// No retry is due before this time.
    private(set) var nextRetryAt = Int64.max
    private var retryCursor = 0
    private var retryPassMinimum = Int64.max
    private var isInStragglers = false
    private var dueStragglers: [UInt64] = []

    init(replicatedShard: UInt64, set: Int, account: Int, cutoverNanos: Int64 = 0, cutoffNanos: Int64 = .max) {
        self.replicatedShard = replicatedShard
        self.set = set
        self.account = account
        self.cutoverNanos = cutoverNanos
        self.cutoffNanos = cutoffNanos
        ring = []
        mask = -1
    }

    var hasUnsent: Bool { unsent < count }

    @inline(__always)
    private func position(_ index: Int) -> Int { (first &+ index) & mask }

    // MARK: Entering and leaving

    mutating func enqueue(slot: UInt32, offset: UInt32, length: UInt32) {
        if count == ring.count { grow() }
        ring[position(count)] = Entry(
            slot: slot, offset: offset, length: length, attempts: 0, connection: 0, retryAt: 0)
        count += 1
        alive += 1
    }

    /// Ends the message with this id. Nil when it isn't queued: unknown ids and repetitions are harmless.
    mutating func acknowledge(_ id: UInt64) -> Entry? {
        let distance = id &- headID
        guard id >= headID, distance < UInt64(count) else {
            guard !stragglers.isEmpty, let entry = stragglers.removeValue(forKey: id) else { return nil }
            alive -= 1
            return entry
        }
        let index = position(Int(distance))
        let entry = ring[index]
        // An id that was never sent can't have been received by anyone.
        guard entry.isAlive, entry.attempts > 0 else { return nil }
        ring[index].slot = Entry.ended
        alive -= 1
        if distance == 0 { trim() }
        return entry
    }

    /// Ends every entry for which `isOver` holds, oldest first, as far as they stand at the front or among the
    /// stragglers. Entries further back are looked at when they are sent.
    mutating func sweep(isOver: (Entry) -> Bool, ended: (Entry) -> Void) {
        while count > 0 {
            let entry = ring[first]
            if entry.isAlive {
                guard isOver(entry) else { break }
                ring[first].slot = Entry.ended
                alive -= 1
                ended(entry)
            }
            dropFront()
        }
        evictStragglers()
        guard !stragglers.isEmpty else { return }
        for (id, entry) in stragglers where isOver(entry) {
            stragglers[id] = nil
            alive -= 1
            ended(entry)
        }
    }

    /// Ends all entries.
    mutating func removeAll(ended: (Entry) -> Void) { sweep(isOver: { _ in true }, ended: ended) }

    // MARK: Sending

    /// The next message that was never sent: its id, and its entry as it was before. It counts as sent from now on.
    mutating func takeUnsent(connection: Int, retryAt: Int64) -> (id: UInt64, entry: Entry)? {
        guard unsent < count else { return nil }
        let index = position(unsent)
        let id = headID &+ UInt64(unsent)
        let entry = ring[index]
        unsent += 1
        ring[index].attempts = 1
        ring[index].connection = UInt16(truncatingIfNeeded: connection)
        ring[index].retryAt = retryAt
        nextRetryAt = min(nextRetryAt, retryAt)
        return (id, entry)
    }

    /// The next message whose retry is due, in order of ids; nil when this pass is over. `backoff` gives the wait after
    /// the attempt that now begins. The entry is returned as it was before.
    mutating func takeDue(now: Int64, connection: Int, backoff: (Int) -> Int64) -> (id: UInt64, entry: Entry)? {
        guard nextRetryAt <= now else { return nil }
        while retryCursor < unsent {
            let index = position(retryCursor)
            let entry = ring[index]
            retryCursor += 1
            guard entry.isAlive else { continue }
            if entry.retryAt <= now {
                ring[index] = attempted(entry, now: now, connection: connection, backoff: backoff)
                return (headID &+ UInt64(retryCursor - 1), entry)
            }
            retryPassMinimum = min(retryPassMinimum, entry.retryAt)
        }
        if !stragglers.isEmpty, !isInStragglers {
            isInStragglers = true
            dueStragglers = stragglers.filter { $0.value.retryAt <= now }.keys.sorted(by: >)
            for entry in stragglers.values where entry.retryAt > now {
                retryPassMinimum = min(retryPassMinimum, entry.retryAt)
            }
        }
        while let id = dueStragglers.popLast() {
            guard let entry = stragglers[id] else { continue }
            stragglers[id] = attempted(entry, now: now, connection: connection, backoff: backoff)
            return (id, entry)
        }
        nextRetryAt = retryPassMinimum
        beginRetryPass()
        return nil
    }

    private mutating func beginRetryPass() {
        retryPassMinimum = .max
        retryCursor = 0
        isInStragglers = false
        dueStragglers = []
    }

    private mutating func attempted(_ entry: Entry, now: Int64, connection: Int, backoff: (Int) -> Int64) -> Entry {
        var next = entry
        next.attempts = entry.attempts == .max ? .max : entry.attempts + 1
        let (retryAt, overflow) = now.addingReportingOverflow(backoff(Int(next.attempts)))
        next.retryAt = overflow ? .max : retryAt
        next.connection = UInt16(truncatingIfNeeded: connection)
        retryPassMinimum = min(retryPassMinimum, next.retryAt)
        return next
    }

    /// Ends an entry that was taken for sending and turns out to be over.
    mutating func end(_ id: UInt64) {
        let distance = id &- headID
        if id >= headID, distance < UInt64(count) {
            let index = position(Int(distance))
            guard ring[index].isAlive else { return }
            ring[index].slot = Entry.ended
            alive -= 1
            if distance == 0 { trim() }
        } else if stragglers.removeValue(forKey: id) != nil {
            alive -= 1
        }
    }

    /// Makes everything due that was last sent over this connection, or over any when nil.
    mutating func makeDue(connection: Int?) {
        var isAny = false
        for offset in 0..<unsent {
            let index = position(offset)
            if ring[index].isAlive, connection.map({ ring[index].connection == UInt16(truncatingIfNeeded: $0) }) ?? true
            {
                ring[index].retryAt = .min
                isAny = true
            }
        }
        for (id, entry) in stragglers
        where connection.map({ entry.connection == UInt16(truncatingIfNeeded: $0) }) ?? true {
            stragglers[id]?.retryAt = .min
            isAny = true
        }
        guard isAny else { return }
        nextRetryAt = .min
        beginRetryPass()
    }

    // MARK: The ring

    private mutating func trim() {
        while count > 0, !ring[first].isAlive { dropFront() }
    }

    private mutating func dropFront() {
        first = (first &+ 1) & mask
        count -= 1
        headID &+= 1
        if unsent > 0 { unsent -= 1 }
        if retryCursor > 0 { retryCursor -= 1 }
    }

    private static let stragglerThreshold = 4_096

    private mutating func evictStragglers() {
        while count > Self.stragglerThreshold, count / 8 > alive - stragglers.count, unsent > 0 {
            let entry = ring[first]
            if entry.isAlive {
                stragglers[headID] = entry
                ring[first].slot = Entry.ended
            }
            dropFront()
            trim()
        }
        if ring.count > Self.stragglerThreshold, count < ring.count / 8 { resize(to: ring.count / 4) }
    }

    private mutating func grow() { resize(to: max(16, ring.count * 2)) }

    private mutating func resize(to capacity: Int) {
        var other = [Entry](
            repeating: Entry(slot: Entry.ended, offset: 0, length: 0, attempts: 0, connection: 0, retryAt: 0),
            count: capacity)
        for index in 0..<count { other[index] = ring[position(index)] }
        ring = other
        first = 0
        mask = capacity - 1
    }
}
