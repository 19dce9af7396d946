import NIOCore
import Synchronization
import Testing
import WireFormat

@testable import MessageQueue

/// Drives a lane's queues on virtual time and writes down what happens, one line per step.
///
/// Steps: `TIME produce SHARD:TEXT…`, `TIME send CONNECTION [BUDGET]`, `TIME ack REPLICATED_SHARD/ID…`,
/// `TIME lost CONNECTION`, `TIME sweep`, `TIME close`. Times are milliseconds.
final class LaneTranscript {
    private var group: QueueGroup
    private var writer = ByteWriter()
    private let admission: Admission
    private let ttlMillis: Int64
    private let shards: Int
    private(set) var lines: [String] = []

    init(
        shards: Int = 4, lanes: Int = 1, index: Int = 0, ttlMillis: Int64 = 0,
        retry: Backoff = Backoff(initial: .seconds(5), factor: 2, max: nil, jitter: false),
        limit: Int = 1_000_000, seed: UInt64 = 1, sets: [[Int]] = [[0]],
        queues: [(replicated: UInt64, shard: Int, set: Int)]? = nil
    ) {
        self.shards = shards
        self.ttlMillis = ttlMillis
        admission = Admission(limit: limit, spillover: 0)
        for set in 0..<sets.count { _ = admission.addAccount(endpoint: "e\(set)") }
        group = QueueGroup(index: index, lanes: lanes, epoch: 7, retry: retry, seed: seed)
        follow(sets: sets, queues: queues ?? (0..<shards).map { (UInt64($0), $0, 0) })
    }

    func follow(
        sets: [[Int]], queues: [(replicated: UInt64, shard: Int, set: Int)], cutover: Int64 = 0, cutoff: Int64 = .max
    ) {
        group.follow(
            QueueGroup.Route(
                ttlNanos: ttlMillis * 1_000_000, numberOfShards: shards, sets: sets,
                queues: queues.map {
                    QueueGroup.Route.Queue(
                        replicatedShard: $0.replicated, shard: $0.shard, set: $0.set, account: $0.set,
                        cutoverNanos: cutover, cutoffNanos: cutoff)
                }))
    }

    /// Runs the steps and returns the lines they gave.
    @discardableResult
    func run(_ steps: String) throws -> [String] {
        let first = lines.count
        for step in steps.split(separator: "\n") { try perform(step.split(separator: " ").map(String.init)) }
        return Array(lines[first...])
    }

    private func perform(_ words: [String]) throws {
        let now = (Int64(words[0]) ?? 0) * 1_000_000
        let arguments = words.dropFirst(2)
        switch words[1] {
        case "produce": produce(Array(arguments), now: now)
        case "send":
            let connection = Int(words[2]) ?? 0
            lines.append(
                "\(words[0]) send \(connection):\(try send(connection, words.count > 3 ? Int(words[3]) ?? 0 : .max, now))"
            )
        case "ack":
            for key in arguments {
                let parts = key.split(separator: "/").compactMap { UInt64($0) }
                let result = group.acknowledge(shard: parts[0], id: parts[1])
                if result != .acked { lines.append("\(words[0]) ack \(key): \(result)") }
            }
        case "lost": group.connectionLost(Int(words[2]) ?? 0)
        case "sweep":
            group.sweep(now: now)
            report(words[0])
        case "close":
            group.dropAll()
            report(words[0])
        default: Issue.record("no such step: \(words)")
        }
    }

    private func report(_ time: String) {
        let dropped = group.counts.dropped.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { " \($0.key.rawValue)=\($0.value)" }.joined()
        lines.append("\(time) acked=\(group.counts.acked)\(dropped) alive=\(group.alive)")
    }

    private func produce(_ texts: [String], now: Int64) {
        var batch = PayloadBatch()
        for text in texts {
            let parts = text.split(separator: ":")
            batch.append(shard: UInt32(parts[0]) ?? 0, Array(parts[1].utf8))
        }
        let size = batch.bytes.readableBytes
        let charges = admission.state.withLock { state in
            state.marks.indices.map { account -> (account: Int, charge: BatchCharge?) in
                let (handle, sequence) = state.accounts[account].admit(size)
                return (
                    account,
                    BatchCharge(
                        admission: admission, account: account, handle: handle, sequence: sequence,
                        marks: state.marks[account])
                )
            }
        }
        _ = admission.dropExcess(wallNanos: now)
        group.enqueue(batch, charges: charges, maxMessageBytes: 1_000, now: now, wallNanos: now)
    }

    private func send(_ connection: Int, _ budget: Int, _ now: Int64) throws -> String {
        writer.removeAll()
        _ = group.fill(&writer, connection: connection, budget: budget, now: now, sentAtNanos: now)
        let (frames, _, _) = FrameCutterTests.cut([writer.array()])
        return try frames.map { frame in
            try frame.withUnsafeBytes { raw in
                let view = try M3MsgFrame.readMessage(raw.bytes, in: ByteRange(offset: 0, count: raw.count))
                #expect(view.sentAtNanos == UInt64(now), "stamped at each attempt")
                #expect(view.producerEpoch == 7)
                let text = String(decoding: view.value.array(from: raw.bytes), as: UTF8.self)
                return " \(view.shard)/\(view.id)=\(text)"
            }
        }.joined()
    }

    var bufferedBytes: Int { admission.state.withLock { $0.accounts.reduce(0) { $0 + $1.bytes } } }
    var counts: QueueGroup.Counts { group.counts }
    func load(_ connection: Int) -> Int { group.load(connection) }
}

@Suite struct QueueGroupTests {
    @Test func idsBeginAtOneAndOrderIsKeptPerShard() throws {
        let lane = LaneTranscript()
        let lines = try lane.run(
            """
            0 produce 0:a 1:b 0:c
            0 produce 1:d 0:e
            1 send 0
            2 send 0
            """)
        #expect(lines == ["1 send 0: 0/1=a 0/2=c 0/3=e 1/1=b 1/2=d", "2 send 0:"])
    }

    @Test func anUnacknowledgedMessageIsSentAgainWithGrowingWaits() throws {
        let lane = LaneTranscript()
        let lines = try lane.run(
            """
            0 produce 0:a 0:b
            0 send 0
            100 ack 0/2
            4999 send 0
            5000 send 0
            14999 send 0
            15000 send 0
            34999 send 0
            35000 send 0
            36000 ack 0/1
            99000 send 0
            99000 sweep
            """)
        #expect(
            lines == [
                "0 send 0: 0/1=a 0/2=b", "4999 send 0:", "5000 send 0: 0/1=a", "14999 send 0:", "15000 send 0: 0/1=a",
                "34999 send 0:", "35000 send 0: 0/1=a", "99000 send 0:", "99000 acked=2 alive=0",
            ])
        #expect(lane.bufferedBytes == 0)
        #expect(lane.counts.retried == 3)
    }

    @Test func newMessagesGoBeforeRetries() throws {
        let lane = LaneTranscript()
        let lines = try lane.run(
            """
            0 produce 0:a 0:b
            0 send 0
            6000 produce 0:c 1:d
            6000 send 0
            """)
        #expect(lines.last == "6000 send 0: 0/3=c 1/1=d 0/1=a 0/2=b")
    }

    @Test func aBudgetSplitsTheSendingWithoutLosingItsPlace() throws {
        let lane = LaneTranscript()
        let lines = try lane.run(
            """
            0 produce 0:a 0:b 0:c 1:d
            0 send 0 1
            0 send 0 1
            0 send 0 1
            0 send 0 1
            0 send 0 1
            5000 send 0 1
            5000 send 0 1
            5000 send 0
            5000 send 0
            """)
        #expect(
            lines == [
                "0 send 0: 0/1=a", "0 send 0: 0/2=b", "0 send 0: 0/3=c", "0 send 0: 1/1=d", "0 send 0:",
                "5000 send 0: 0/1=a", "5000 send 0: 0/2=b", "5000 send 0: 0/3=c 1/1=d", "5000 send 0:",
            ])
    }

    @Test func acknowledgementsMayComeInAnyOrderTwiceAndForNothing() throws {
        let lane = LaneTranscript()
        let lines = try lane.run(
            """
            0 produce 0:a 0:b 0:c
            0 ack 0/1
            0 send 0
            1 ack 0/3 0/1 0/3 0/99 0/0 3/1 4/1 18446744073709551615/1
            2 produce 0:d
            2 send 0
            3 ack 0/2 0/4 0/2
            3 sweep
            """)
        #expect(
            lines == [
                "0 ack 0/1: stray", "0 send 0: 0/1=a 0/2=b 0/3=c", "1 ack 0/3: stray", "1 ack 0/99: stray",
                "1 ack 0/0: stray", "1 ack 3/1: stray", "1 ack 4/1: unknownShard",
                "1 ack 18446744073709551615/1: unknownShard", "2 send 0: 0/4=d", "3 ack 0/2: stray",
                "3 acked=4 alive=0",
            ])
        #expect(lane.counts.unknownShardAcks == 2)
        #expect(lane.load(0) == 0)
    }

    @Test func messagesExpire() throws {
        let lane = LaneTranscript(ttlMillis: 7_000)
        let lines = try lane.run(
            """
            0 produce 0:a 0:b
            0 send 0
            3000 produce 0:c
            5000 send 0
            5500 ack 0/2
            6999 sweep
            7000 sweep
            9999 sweep
            10000 send 0
            10000 sweep
            """)
        #expect(
            lines == [
                "0 send 0: 0/1=a 0/2=b", "5000 send 0: 0/3=c 0/1=a 0/2=b", "6999 acked=1 alive=2",
                "7000 acked=1 ttl=1 alive=1", "9999 acked=1 ttl=1 alive=1", "10000 send 0:",
                "10000 acked=1 ttl=2 alive=0",
            ])
        #expect(lane.bufferedBytes == 0)
    }

    @Test func aLostConnectionMakesWhatWasUnderWayDueAtOnce() throws {
        let lane = LaneTranscript()
        let lines = try lane.run(
            """
            0 produce 0:a 0:b 1:c
            0 send 0
            10 ack 0/1
            20 produce 0:d
            30 lost 0
            30 send 0
            4000 send 0
            5031 send 0
            """)
        #expect(
            lines == [
                "0 send 0: 0/1=a 0/2=b 1/1=c", "30 send 0: 0/3=d 0/2=b 1/1=c", "4000 send 0:", "5031 send 0: 0/3=d",
            ])
    }

    @Test func sharedQueuesGoToWhicheverConnectionAsksAndOnlyItsOwnLossMatters() throws {
        let lane = LaneTranscript(sets: [[0, 1]], queues: (0..<4).map { (UInt64($0), $0, 0) })
        let lines = try lane.run(
            """
            0 produce 0:aaaa 0:bb 1:c
            0 send 0 1
            0 send 1
            """)
        #expect(lines == ["0 send 0: 0/1=aaaa", "0 send 1: 0/2=bb 1/1=c"])
        #expect(lane.load(0) == 4 && lane.load(1) == 3)
        let more = try lane.run(
            """
            10 lost 0
            10 send 1
            20 ack 0/2 1/1
            """)
        #expect(more == ["10 send 1: 0/1=aaaa"])
        #expect(lane.load(0) == 0 && lane.load(1) == 4)
    }

    @Test func replicasHaveQueuesOfTheirOwn() throws {
        let lane = LaneTranscript(
            shards: 2, sets: [[0], [1]], queues: [(0, 0, 0), (1, 1, 0), (2, 0, 1), (3, 1, 1)])
        let lines = try lane.run(
            """
            0 produce 0:a 1:b
            0 send 0
            0 send 1
            1 ack 0/1 1/1 2/1
            5000 send 0
            5000 send 1
            """)
        #expect(
            lines == ["0 send 0: 0/1=a 1/1=b", "0 send 1: 2/1=a 3/1=b", "5000 send 0:", "5000 send 1: 3/1=b"])
    }

    @Test func aLaneServesItsShardsOnly() throws {
        let lane = LaneTranscript(lanes: 2, index: 1, sets: [[0]], queues: [(1, 1, 0), (3, 3, 0)])
        let lines = try lane.run(
            """
            0 produce 0:a 1:b 2:c 3:d
            0 send 0
            1 ack 2/1 5/1 1/1
            """)
        #expect(lines == ["0 send 0: 1/1=b 3/1=d", "1 ack 2/1: otherLane(0)", "1 ack 5/1: unknownShard"])
    }

    @Test func aQueueThatIsPointedElsewhereKeepsItsMessagesAndIds() throws {
        let lane = LaneTranscript(shards: 1, sets: [[0], [1]], queues: [(0, 0, 0)])
        try lane.run("0 produce 0:a 0:b\n0 send 0\n1 ack 0/1\n2 produce 0:c")
        lane.follow(sets: [[1]], queues: [(0, 0, 0)])
        let lines = try lane.run("3 send 0\n3 send 1\n4 produce 0:d\n4 send 1")
        #expect(lines == ["3 send 0:", "3 send 1: 0/3=c 0/2=b", "4 send 1: 0/4=d"])
    }

    @Test func queuesThatGoAreDroppedAsClosed() throws {
        let lane = LaneTranscript(shards: 2)
        try lane.run("0 produce 0:a 1:b 1:c\n0 send 0")
        lane.follow(sets: [[0]], queues: [(0, 0, 0)])
        let lines = try lane.run("1 ack 1/1\n1 sweep\n2 close")
        #expect(lines == ["1 ack 1/1: unknownShard", "1 acked=0 closed=2 alive=1", "2 acked=0 closed=3 alive=0"])
        #expect(lane.bufferedBytes == 0)
    }

    @Test func aShardIsTakenFromCutoverUntilCutoffOnly() throws {
        let lane = LaneTranscript(shards: 1)
        lane.follow(sets: [[0]], queues: [(0, 0, 0)], cutover: 1_000_000_000, cutoff: 2_000_000_000)
        let lines = try lane.run(
            """
            999 produce 0:a
            1000 produce 0:b
            1999 produce 0:c
            2000 produce 0:d
            2000 send 0
            2000 sweep
            """)
        #expect(lines == ["2000 send 0: 0/1=b 0/2=c", "2000 acked=0 after_cutoff=1 before_cutover=1 alive=2"])
    }

    @Test func theOldestMakeRoom() throws {
        let lane = LaneTranscript(shards: 2, limit: 10)
        let lines = try lane.run(
            """
            0 produce 0:aaaa
            1 produce 1:bbbb
            1 send 0
            2 produce 0:cccc
            3 produce 0:dd
            3 sweep
            3 send 0
            9 ack 0/1 1/1
            9 sweep
            """)
        #expect(
            lines == [
                "1 send 0: 0/1=aaaa 1/1=bbbb", "3 acked=0 buffer_full_oldest=1 alive=3", "3 send 0: 0/2=cccc 0/3=dd",
                "9 ack 0/1: stray", "9 acked=1 buffer_full_oldest=1 alive=2",
            ])
        #expect(lane.bufferedBytes == 6)
    }

    @Test func aFewOldMessagesDontHoldUpTheMemoryOfMany() throws {
        let lane = LaneTranscript(shards: 1)
        try lane.run("0 produce 0:old1 0:old2\n0 send 0")
        var id = 2
        for _ in 0..<200 {
            try lane.run("1 produce " + Array(repeating: "0:x", count: 100).joined(separator: " "))
            try lane.run("1 send 0")
            try lane.run("2 ack " + (1...100).map { "0/\(id + $0)" }.joined(separator: " "))
            id += 100
            try lane.run("2 sweep")
        }
        let lines = try lane.run("5000 send 0\n5001 ack 0/2\n15000 send 0\n15000 sweep")
        #expect(
            lines == [
                "5000 send 0: 0/1=old1 0/2=old2", "15000 send 0: 0/1=old1", "15000 acked=20001 alive=1",
            ])
    }
}
