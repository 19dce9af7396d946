import NIOCore
import Telemetry
import WireFormat

/// The queues that share one event loop and one connection index: what a lane knows, without its sockets. Pure.
///
/// It owns the retained payloads, finds the queues of a shard, chooses what a connection sends next, and ends messages
/// exactly once: acknowledged, or dropped with a reason.
struct QueueGroup {
    /// What a lane needs of a route.
    struct Route: Sendable {
        struct Queue: Sendable {
            var replicatedShard: UInt64
            var shard: Int
            /// Index into ``sets``.
            var set: Int
            /// Number of the buffer.
            var account: Int
            var cutoverNanos: Int64
            var cutoffNanos: Int64
        }
        var ttlNanos: Int64
        var numberOfShards: Int
        /// Distinct lists of endpoint numbers.
        var sets: [[Int]]
        var queues: [Queue]
    }

    /// Queues with the same candidate connections.
    private struct CandidateSet {
        var connections: [Int]
        var queues: [Int] = []
        /// Queues with unsent messages.
        var listed = RingBuffer<Int>()
        /// Where the search for due retries goes on.
        var retryCursor = 0
    }

    /// What happened since the counts were last collected.
    struct Counts: Equatable {
        var acked = 0
        var sent = 0
        var retried = 0
        /// Acknowledgements of messages that aren't queued: repetitions, mostly.
        var strayAcks = 0
        var unknownShardAcks = 0
        var dropped: [DropReason: Int] = [:]
    }

    enum AckResult: Equatable {
        case acked, stray, unknownShard
        case otherLane(Int)
    }

    private let index: Int
    private let lanes: UInt32
    private let epoch: UInt64
    private let retry: Backoff
    private var random: SplitMix64
    private var ttlNanos: Int64 = 0
    private var slots = PayloadSlots()
    private var queues: [MessageWriterQueue] = []
    private var sets: [CandidateSet] = []
    private var setsOfConnection: [Int: [Int]] = [:]
    /// Queues of each shard: `shardQueues[shardStart[s]..<shardStart[s + 1]]`.
    private var shardStart: [Int32] = [0]
    private var shardQueues: [Int32] = []
    /// Queue by replicated shard divided by the number of lanes, -1 for none.
    private var queueByQuotient: [Int32] = []
    /// Scratch of ``enqueue``, by buffer: the slot of the batch at hand, or one of the two below.
    private var slotOfAccount: [Int64] = []
    private static let notAdmitted: Int64 = -2
    private static let withoutSlot: Int64 = -1
    private(set) var alive = 0
    var counts = Counts()
    /// Payload bytes under way by connection: sent and neither acknowledged nor sent elsewhere.
    private var load: [Int] = []

    /// - Parameters:
    ///   - index: this lane's number; it serves the replicated shards that are `index` modulo `lanes`.
    ///   - epoch: identifies the queues' id sequences to consumers that filter redeliveries.
    init(index: Int, lanes: Int, epoch: UInt64, retry: Backoff, seed: UInt64) {
        self.index = index
        self.lanes = UInt32(clamping: max(1, lanes))
        self.epoch = epoch
        self.retry = retry
        random = SplitMix64(seed: seed)
    }

    // MARK: Routes

    /// Follows a new route: queues that stay keep their messages and ids, also when they change their endpoint; the
    /// messages of queues that go are dropped as closed.
    mutating func follow(_ route: Route) {
        ttlNanos = route.ttlNanos
        var kept: [UInt64: MessageWriterQueue] = [:]
        for queue in queues { kept[queue.replicatedShard] = queue }
        let oldSets = sets.map(\.connections)
        sets = route.sets.map { CandidateSet(connections: $0) }
        let connections = (route.sets.joined().max() ?? -1) + 1
        load += Array(repeating: 0, count: max(0, connections - load.count))
        let accounts = (route.queues.map(\.account).max() ?? -1) + 1
        slotOfAccount = Array(repeating: Self.notAdmitted, count: accounts)
        setsOfConnection = [:]
        for (set, connections) in route.sets.enumerated() {
            for connection in connections { setsOfConnection[connection, default: []].append(set) }
        }
        queues = []
        var ofShard: [[Int32]] = Array(repeating: [], count: route.numberOfShards)
        queueByQuotient = []
        for wanted in route.queues {
            let index = queues.count
            var queue =
                kept.removeValue(forKey: wanted.replicatedShard)
                ?? MessageWriterQueue(
                    replicatedShard: wanted.replicatedShard, set: wanted.set, account: wanted.account)
            if oldSets.indices.contains(queue.set) {
                for connection in oldSets[queue.set] where !route.sets[wanted.set].contains(connection) {
                    queue.makeDue(connection: connection)
                }
            }
            queue.set = wanted.set
            queue.account = wanted.account
            queue.cutoverNanos = wanted.cutoverNanos
            queue.cutoffNanos = wanted.cutoffNanos
            queue.isListed = queue.hasUnsent
            queues.append(queue)
            sets[wanted.set].queues.append(index)
            if queue.isListed { sets[wanted.set].listed.append(index) }
            ofShard[wanted.shard].append(Int32(truncatingIfNeeded: index))
            let quotient = Int(wanted.replicatedShard / UInt64(lanes))
            while queueByQuotient.count <= quotient { queueByQuotient.append(-1) }
            queueByQuotient[quotient] = Int32(truncatingIfNeeded: index)
        }
        shardStart = [0]
        shardQueues = []
        for list in ofShard {
            shardQueues += list
            shardStart.append(Int32(truncatingIfNeeded: shardQueues.count))
        }
        for var queue in kept.values { dropAll(of: &queue) }
    }

    /// Drops everything, as closed unless said otherwise.
    mutating func dropAll(_ reason: DropReason = .closed) {
        for index in queues.indices {
            var queue = queues[index]
            dropAll(of: &queue, reason)
            queues[index] = queue
        }
    }

    private mutating func dropAll(of queue: inout MessageWriterQueue, _ reason: DropReason = .closed) {
        var ended: [MessageWriterQueue.Entry] = []
        queue.removeAll { ended.append($0) }
        for entry in ended { end(entry, reason) }
    }

    // MARK: Messages in

    /// Takes up the messages of a batch whose shards this lane serves.
    /// - Parameters:
    ///   - charges: the buffers that admitted the batch, by number. References to others were lost.
    ///   - now: a steady clock; `wallNanos` since 1970, for cutover and cutoff.
    mutating func enqueue(
        _ batch: PayloadBatch, charges: [(account: Int, charge: BatchCharge?)], maxMessageBytes: Int, now: Int64,
        wallNanos: Int64
    ) {
        for index in slotOfAccount.indices { slotOfAccount[index] = Self.notAdmitted }
        for (account, _) in charges where account < slotOfAccount.count { slotOfAccount[account] = Self.withoutSlot }
        var lastAccount = -1
        var lastSlot: UInt32 = 0
        for entry in batch.entries {
            let shard = Int(entry.shard)
            guard shard + 1 < shardStart.count, Int(entry.length) <= maxMessageBytes else { continue }
            for position in Int(shardStart[shard])..<Int(shardStart[shard + 1]) {
                let index = Int(shardQueues[position])
                let account = queues[index].account
                if account != lastAccount {
                    guard let slot = slot(account, batch, charges, now: now) else { continue }
                    lastAccount = account
                    lastSlot = slot
                }
                if queues[index].cutoffNanos <= wallNanos {
                    counts.dropped[.afterCutoff, default: 0] += 1
                    continue
                }
                if queues[index].cutoverNanos > wallNanos {
                    counts.dropped[.beforeCutover, default: 0] += 1
                    continue
                }
                queues[index].enqueue(slot: lastSlot, offset: entry.offset, length: entry.length)
                slots.retain(lastSlot)
                alive += 1
                if !queues[index].isListed {
                    queues[index].isListed = true
                    sets[queues[index].set].listed.append(index)
                }
            }
        }
        // A slot that got no message after all is freed again.
        for case let slot? in slotOfAccount.map({ UInt32(exactly: $0) }) where slots.slots[Int(slot)].alive == 0 {
            slots.retain(slot)
            slots.release(slot)
        }
    }

    private mutating func slot(
        _ account: Int, _ batch: PayloadBatch, _ charges: [(account: Int, charge: BatchCharge?)], now: Int64
    ) -> UInt32? {
        let known = slotOfAccount[account]
        if let slot = UInt32(exactly: known) { return slot }
        guard known == Self.withoutSlot else { return nil }
        let charge = charges.first { $0.account == account }?.charge
        let slot = slots.insert(batch.bytes, charge: charge, now: now)
        slotOfAccount[account] = Int64(slot)
        return slot
    }

    // MARK: Messages out

    /// Payload bytes under way on a connection.
    func load(_ connection: Int) -> Int { load.indices.contains(connection) ? load[connection] : 0 }

    /// Encodes what the connection is to send next, new messages before retries, until about `budget` bytes are written
    /// (the last message may pass it). Returns the number of messages.
    mutating func fill(
        _ writer: inout ByteWriter, connection: Int, budget: Int, now: Int64, sentAtNanos: Int64
    ) -> Int {
        guard let mine = setsOfConnection[connection] else { return 0 }
        let start = writer.count
        let before = counts.sent
        for set in mine {
            while writer.count - start < budget, let index = sets[set].listed.popFirst() {
                while writer.count - start < budget {
                    let wait = retry.nanoseconds(afterAttempt: 1, random: random.next())
                    guard let (id, entry) = queues[index].takeUnsent(connection: connection, retryAt: now &+ wait)
                    else {
                        break
                    }
                    send(id, entry, of: index, over: connection, to: &writer, now: now, sentAtNanos: sentAtNanos)
                }
                if queues[index].hasUnsent { sets[set].listed.prepend(index) } else { queues[index].isListed = false }
            }
        }
        for set in mine {
            let count = sets[set].queues.count
            var looked = 0
            while looked < count, writer.count - start < budget {
                if sets[set].retryCursor >= count { sets[set].retryCursor = 0 }
                let index = sets[set].queues[sets[set].retryCursor]
                while writer.count - start < budget, let (id, entry) = takeDue(index, now: now, connection: connection)
                {
                    send(id, entry, of: index, over: connection, to: &writer, now: now, sentAtNanos: sentAtNanos)
                }
                if queues[index].nextRetryAt > now {
                    sets[set].retryCursor += 1
                    looked += 1
                }
            }
        }
        return counts.sent - before
    }

    private mutating func takeDue(
        _ index: Int, now: Int64, connection: Int
    ) -> (id: UInt64, entry: MessageWriterQueue.Entry)? {
        guard queues[index].nextRetryAt <= now else { return nil }
        let draw = random.next()
        return queues[index].takeDue(now: now, connection: connection) { [retry] attempt in
            retry.nanoseconds(afterAttempt: attempt, random: draw)
        }
    }

    private mutating func send(
        _ id: UInt64, _ entry: MessageWriterQueue.Entry, of index: Int, over connection: Int,
        to writer: inout ByteWriter, now: Int64, sentAtNanos: Int64
    ) {
        if entry.attempts > 0 { load[Int(entry.connection)] -= Int(entry.length) }
        if let reason = overReason(entry, now: now) {
            queues[index].end(id)
            drop(entry, reason)
            return
        }
        let shard = queues[index].replicatedShard
        let isWritten = slots.slots[Int(entry.slot)].bytes.withUnsafeReadableBytes { bytes in
            let range = Int(entry.offset)..<Int(entry.offset) + Int(entry.length)
            do throws(WireError) {
                try M3MsgFrame.appendMessage(
                    shard: shard, id: id, sentAtNanos: UInt64(bitPattern: sentAtNanos), producerEpoch: epoch,
                    value: UnsafeRawBufferPointer(rebasing: bytes[range]).bytes, to: &writer)
                return true
            } catch {
                return false
            }
        }
        guard isWritten else {
            queues[index].end(id)
            return drop(entry, .tooLarge)
        }
        load[connection] += Int(entry.length)
        counts.sent += 1
        if entry.attempts > 0 { counts.retried += 1 }
    }

    // MARK: Ends

    /// Takes all acknowledgements of a frame. Those of other lanes' messages come back, and the last shard that no
    /// queue has. One call per frame: the access to this value is checked once, not for each message.
    mutating func acknowledge(
        _ bytes: RawSpan, in frame: ByteRange, foreign: inout [Int: [MessageKey]], unknownShard: inout UInt64?
    ) throws(WireError) {
        try M3MsgFrame.readAck(bytes, in: frame) { entry in
            switch acknowledge(shard: entry.shard, id: entry.id) {
            case .acked, .stray: break
            case .unknownShard: unknownShard = entry.shard
            case .otherLane(let lane): foreign[lane, default: []].append(MessageKey(shard: entry.shard, id: entry.id))
            }
        }
    }

    /// Takes an acknowledgement that came over any connection of this lane.
    mutating func acknowledge(shard: UInt64, id: UInt64) -> AckResult {
        guard let narrow = UInt32(exactly: shard) else {
            counts.unknownShardAcks += 1
            return .unknownShard
        }
        let (quotient, lane) = narrow.quotientAndRemainder(dividingBy: lanes)
        guard Int(lane) == index else { return .otherLane(Int(lane)) }
        guard Int(quotient) < queueByQuotient.count, queueByQuotient[Int(quotient)] >= 0 else {
            counts.unknownShardAcks += 1
            return .unknownShard
        }
        guard let entry = queues[Int(queueByQuotient[Int(quotient)])].acknowledge(id) else {
            counts.strayAcks += 1
            return .stray
        }
        load[Int(entry.connection)] -= Int(entry.length)
        slots.release(entry.slot)
        alive -= 1
        counts.acked += 1
        return .acked
    }

    /// Drops what has expired or was dropped to make room, as far as it stands at the front of its queue.
    mutating func sweep(now: Int64) {
        guard alive > 0 else { return }
        slots.markDropped()
        var ended: [MessageWriterQueue.Entry] = []
        for index in queues.indices where queues[index].alive > 0 {
            let (slots, ttl) = (slots, ttlNanos)
            queues[index].sweep(
                isOver: { Self.overReason($0, slots: slots, ttlNanos: ttl, now: now) != nil },
                ended: { ended.append($0) })
        }
        for entry in ended { end(entry, overReason(entry, now: now) ?? .ttl) }
    }

    /// A connection has gone: what was under way on it is sent again as soon as one of its queues' connections can.
    mutating func connectionLost(_ connection: Int) {
        for set in setsOfConnection[connection] ?? [] {
            for index in sets[set].queues { queues[index].makeDue(connection: connection) }
        }
    }

    private func overReason(_ entry: MessageWriterQueue.Entry, now: Int64) -> DropReason? {
        Self.overReason(entry, slots: slots, ttlNanos: ttlNanos, now: now)
    }

    private static func overReason(
        _ entry: MessageWriterQueue.Entry, slots: PayloadSlots, ttlNanos: Int64, now: Int64
    ) -> DropReason? {
        if slots.slots[Int(entry.slot)].isDropped { return .bufferFullOldest }
        guard ttlNanos > 0, now &- slots.slots[Int(entry.slot)].enqueuedAt >= ttlNanos else { return nil }
        return .ttl
    }

    private mutating func end(_ entry: MessageWriterQueue.Entry, _ reason: DropReason) {
        if entry.attempts > 0 { load[Int(entry.connection)] -= Int(entry.length) }
        drop(entry, reason)
    }

    private mutating func drop(_ entry: MessageWriterQueue.Entry, _ reason: DropReason) {
        if reason == .bufferFullOldest { slots.slots[Int(entry.slot)].charge?.marks.lost.add(1) }
        slots.release(entry.slot)
        alive -= 1
        counts.dropped[reason, default: 0] += 1
    }
}
