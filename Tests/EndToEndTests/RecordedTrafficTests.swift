import Aggregation
import Aggregator
import Metrics
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Services

/// The recorded traffic of a real coordinator, played to the server code at its own times.
@Suite(.serialized) struct RecordedTrafficTests {
    private static let second: Int64 = 1_000_000_000

    /// What the recording's aggregator was set to (Tests/Fixtures/vectors/streams/README.md).
    private static var options: AggregatorOptions {
        get throws {
            var options = AggregatorOptions()
            options.jitter = .off
            options.bufferForPastTimedMetricsNanos = 10 * second
            options.bufferForFutureTimedMetricsNanos = 600 * second
            options.forwardingDelay = .constant(65 * second)
            options.defaultStoragePolicies = [try StoragePolicy(parsing: "10s:2d")]
            options.quantileEstimator = .m3(eps: 0.001, insertAndCompressEvery: 1_024)
            options.timerTypeString = .suffix
            return options
        }
    }

    /// One connection as it is played: what it got acknowledged, beside what it sent.
    private struct Connection {
        var peer: LoopbackPeer
        var sentFrames = LengthPrefixedFrames()
        var ackFrames = LengthPrefixedFrames()
        var sent: Set<AckEntry> = []
        var sentCount = 0
        var acked: Set<AckEntry> = []
        var ackCount = 0

        mutating func send(_ bytes: [UInt8]) throws {
            for frame in sentFrames.take(bytes) {
                let view = try M3MsgFrame.readMessage(frame.span.bytes, in: ByteRange(offset: 0, count: frame.count))
                sent.insert(AckEntry(shard: view.shard, id: view.id))
                sentCount += 1
            }
            try peer.send(bytes)
        }

        /// Waits until every whole message is acknowledged.
        mutating func receiveAcks() throws {
            let end = ContinuousClock.now + .seconds(30)
            while ackCount < sentCount {
                for frame in ackFrames.take(peer.receive(waitingMilliseconds: 1_000)) {
                    try M3MsgFrame.readAck(frame.span.bytes, in: ByteRange(offset: 0, count: frame.count)) {
                        acked.insert($0)
                        ackCount += 1
                    }
                }
                guard ContinuousClock.now < end else {
                    throw DeadlinePassed(description: "\(ackCount) of \(sentCount) messages were acknowledged")
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func everyFrameIsDecodedAcknowledgedAndAccountedFor() async throws {
        let recording = try Recording()
        #expect(recording.lines.count == 1_122)
        #expect(recording.fromCoordinator == [5, 6, 7, 8])
        let firstNanos = try #require(recording.lines.first).timeNanos
        let lastNanos = try #require(recording.lines.last).timeNanos
        let aggregator = AggregatorOnVirtualTime(options: try Self.options, startNanos: firstNanos)
        try await aggregator.start()
        var connections: [Int: Connection] = [:]
        var nextFlush = (firstNanos / Self.second + 1) * Self.second
        for line in recording.lines where line.isIn && recording.fromCoordinator.contains(line.connection) {
            while nextFlush <= line.timeNanos {
                aggregator.setClock(nextFlush)
                try await aggregator.flush()
                nextFlush += Self.second
            }
            aggregator.setClock(line.timeNanos)
            var connection =
                try connections.removeValue(forKey: line.connection)
                ?? Connection(peer: LoopbackPeer(port: aggregator.port))
            try connection.send(line.bytes)
            try connection.receiveAcks()
            connections[line.connection] = connection
        }
        // Rollups wait 65 s and one window of 10 s.
        while nextFlush <= lastNanos + 100 * Self.second {
            aggregator.setClock(nextFlush)
            try await aggregator.flush()
            nextFlush += Self.second
        }
        var frames = 0
        for (number, connection) in connections {
            #expect(connection.sentFrames.pending == 0)
            #expect(connection.ackCount == connection.sentCount)
            #expect(connection.acked == connection.sent)
            #expect(connection.acked == recording.acks[number], "connection \(number)")
            frames += connection.sentCount
        }
        #expect(frames == 5_983)
        expectNothingLost(aggregator, frames: UInt64(frames))
        try expectOutputs(aggregator)
        try await aggregator.stop()
    }

    private func expectNothingLost(_ aggregator: AggregatorOnVirtualTime, frames: UInt64) {
        let registry = aggregator.registry
        let forwarded = aggregator.snapshots.reduce(0) { $0 + $1.counters.forwardedMessages }
        #expect(forwarded > 0)
        #expect(
            registry.value("m3agg_message_queue_consumer_frames_decoded_total", labels: [("server", "ingest")])
                == Double(frames + forwarded))
        #expect(registry.value("m3agg_message_queue_consumer_frames_bad_total") == 0)
        #expect(registry.value("m3agg_aggregator_unpublished_total") == 0)
        #expect(aggregator.snapshots.reduce(0) { $0 + $1.counters.decoded } == frames + forwarded)
        for snapshot in aggregator.snapshots {
            #expect(snapshot.counters.verify(openValues: snapshot.openValues) == [])
            #expect(snapshot.counters.bad == [:])
            #expect(snapshot.counters.misrouted == 0)
            #expect(snapshot.counters.unrouted.nonZero == [:])
            #expect(snapshot.counters.rejected.nonZero == [:])
            #expect(snapshot.counters.discarded.nonZero == [:])
            #expect(snapshot.counters.forwardDropped.nonZero == [:])
            #expect(snapshot.counters.duplicates == 0)
            #expect(snapshot.redelivered == 0)
            #expect(snapshot.openValues == 0)
        }
    }

    /// The real aggregator's outputs, by our own forwarding: equal as sets, in whatever order rollups get their values.
    private func expectOutputs(_ aggregator: AggregatorOnVirtualTime) throws {
        let recorded = try RecordedOutputs()
        #expect(recorded.outputs.count == 1_279)
        let outputs = aggregator.outputs
        #expect(outputs.bad == 0)
        let differences = recorded.differences(
            from: outputs.values.map {
                RecordedOutputs.Output(id: $0.id, timeNanos: $0.timeNanos, policy: $0.policy, value: $0.value)
            }, addsInAnyOrder: true)
        #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(10).joined(separator: "\n"))")
    }
}

/// `streams/prometheus-ingest.jsonl`: the traffic of an aggregator's m3msg port in the order in which it passed.
private struct Recording {
    struct Line {
        var timeNanos: Int64
        var connection: Int
        var isIn: Bool
        var bytes: [UInt8]
    }

    var lines: [Line] = []
    /// The connections of the coordinator; the others are the aggregator's own, with forwarded values.
    var fromCoordinator: Set<Int> = []
    /// What was acknowledged on each connection.
    var acks: [Int: Set<AckEntry>] = [:]

    init() throws {
        var acknowledgements: [Int: LengthPrefixedFrames] = [:]
        var messages: [Int: LengthPrefixedFrames] = [:]
        for object in try Fixtures.vectors("streams/prometheus-ingest.jsonl.gz") {
            let line = Line(
                timeNanos: Int64(object["t"] as? Int ?? 0), connection: object["conn"] as? Int ?? 0,
                isIn: object["dir"] as? String == "in",
                bytes: try #require(Fixtures.bytes(hex: object["hex"] as? String ?? "")))
            lines.append(line)
            if line.isIn {
                for frame in messages[line.connection, default: LengthPrefixedFrames()].take(line.bytes) {
                    let all = ByteRange(offset: 0, count: frame.count)
                    let message = try M3MsgFrame.readMessage(frame.span.bytes, in: all)
                    let metric = try MetricReader.read(frame.span.bytes, in: message.value)
                    if metric.kind != .forwarded { fromCoordinator.insert(line.connection) }
                }
            } else {
                for frame in acknowledgements[line.connection, default: LengthPrefixedFrames()].take(line.bytes) {
                    try M3MsgFrame.readAck(frame.span.bytes, in: ByteRange(offset: 0, count: frame.count)) {
                        acks[line.connection, default: []].insert($0)
                    }
                }
            }
        }
    }
}
