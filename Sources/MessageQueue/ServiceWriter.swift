import Logging
import NIOCore
import Synchronization
import Telemetry

/// A consumer service as its producer sees it: counts, and lanes that own the queues and connections.
final class ServiceWriter: Sendable {
    let name: String
    let counters = ServiceCounters()
    let lanes: [Lane]
    let isShared: Bool

    init(
        name: String, isShared: Bool, options: ProducerOptions, loops: [any EventLoop], firstLoop: Int,
        random: inout SplitMix64, logger: Logger
    ) {
        self.name = name
        self.isShared = isShared
        let epoch = max(1, random.next())
        let numbers = (0..<min(max(options.numConnections, 1), 64))
        var logger = logger
        logger[metadataKey: "service"] = "\(name)"
        var lanes: [Lane] = []
        for number in numbers {
            let group = QueueGroup(
                index: number, lanes: numbers.count, epoch: epoch, retry: options.messageRetry, seed: random.next())
            lanes.append(
                Lane(
                    group: group, eventLoop: loops[(firstLoop + number) % loops.count], options: options,
                    counters: counters, seed: random.next(), logger: logger))
        }
        self.lanes = lanes
        for lane in lanes { lane.start(siblings: lanes) }
    }

    /// The part of a route that concerns one lane.
    /// - Parameter accounts: numbers of the buffers by endpoint number; one for SHARED.
    func laneRoute(_ number: Int, of route: ServiceRoute, accounts: [Int]) -> QueueGroup.Route {
        var sets: [[Int]] = []
        var setNumbers: [[Int]: Int] = [:]
        var queues: [QueueGroup.Route.Queue] = []
        for queue in route.queues where queue.replicatedShard % UInt64(lanes.count) == UInt64(number) {
            let set: Int
            if let known = setNumbers[queue.endpoints] {
                set = known
            } else {
                set = sets.count
                setNumbers[queue.endpoints] = set
                sets.append(queue.endpoints)
            }
            queues.append(
                QueueGroup.Route.Queue(
                    replicatedShard: queue.replicatedShard, shard: queue.shard, set: set,
                    account: accounts[isShared ? 0 : queue.endpoints.first ?? 0], cutoverNanos: queue.cutoverNanos,
                    cutoffNanos: queue.cutoffNanos))
        }
        return QueueGroup.Route(
            ttlNanos: route.ttlNanos, numberOfShards: route.numberOfShards, sets: sets, queues: queues)
    }

    /// Has the lanes let go of what was dropped to make room.
    func sweep() {
        for lane in lanes { lane.submit(.sweep, bytes: 0) }
    }

    /// The route for admission. `accounts` gives the number of an endpoint's buffer.
    func tableEntry(_ route: ServiceRoute, accounts: (Int) -> Int) -> RouteTable.Service {
        var masks = [UInt64](repeating: 0, count: route.numberOfShards)
        var accountsOfShard = [[Int]](repeating: [], count: route.numberOfShards)
        for queue in route.queues {
            masks[queue.shard] |= 1 << (queue.replicatedShard % UInt64(lanes.count))
            let account = accounts(isShared ? 0 : queue.endpoints.first ?? 0)
            // With one buffer for all, each replica still counts as a reference.
            accountsOfShard[queue.shard].append(account)
        }
        var groups: [[Int]] = []
        var groupNumbers: [[Int]: UInt16] = [:]
        let groupOfShard = accountsOfShard.map { accounts in
            if let known = groupNumbers[accounts] { return known }
            let number = UInt16(truncatingIfNeeded: groups.count)
            groupNumbers[accounts] = number
            groups.append(accounts)
            return number
        }
        return RouteTable.Service(
            writer: self, groupOfShard: groupOfShard, groups: groups, accounts: Set(groups.joined()).sorted(),
            laneMaskOfShard: masks)
    }
}

/// Counts of one consumer service, in references. They belong to one producer, whatever the registry shows.
final class ServiceCounters: Sendable {
    let produced = Counter()
    let acked = Counter()
    let sent = Counter()
    let retried = Counter()
    let strayAcks = Counter()
    let unknownShardAcks = Counter()
    let badAckFrames = Counter()
    let connects = Counter()
    let disconnects = Counter()
    private let dropped: [DropReason: Counter] = Dictionary(
        uniqueKeysWithValues: DropReason.allCases.map { ($0, Counter()) })

    func drop(_ reason: DropReason, _ count: Int) { dropped[reason]?.add(count) }

    func collect(_ counts: inout QueueGroup.Counts) {
        guard counts != QueueGroup.Counts() else { return }
        acked.add(counts.acked)
        sent.add(counts.sent)
        retried.add(counts.retried)
        strayAcks.add(counts.strayAcks)
        unknownShardAcks.add(counts.unknownShardAcks)
        for (reason, count) in counts.dropped { drop(reason, count) }
        counts = QueueGroup.Counts()
    }

    func stats(name: String) -> ProducerStats.Service {
        var stats = ProducerStats.Service(name: name)
        // What ends is read before what begins, so that concurrent counting never makes more ends than beginnings.
        stats.acked = acked.value
        stats.dropped = dropped.mapValues(\.value).filter { $0.value > 0 }
        stats.produced = produced.value
        stats.sent = sent.value
        stats.retried = retried.value
        stats.strayAcks = strayAcks.value
        stats.unknownShardAcks = unknownShardAcks.value
        stats.badAckFrames = badAckFrames.value
        stats.connects = connects.value
        stats.disconnects = disconnects.value
        return stats
    }
}
