import AggregatorExamples
import Metrics
import Testing
import WireFormat

@testable import Aggregator

/// Odd input that is legal, and limits that make room again.
@Suite struct IngestTests {
    private static let second: Int64 = 1_000_000_000

    /// A field of a protobuf message that holds bytes.
    private func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 128)
        return [number << 3 | 2, UInt8(bytes.count)] + bytes
    }

    /// Sub-messages in pieces mean the same as in one, and keep their place among the others.
    @Test func metricsInPiecesAreTakenInTheirTurn() throws {
        let staged = MetadataCodec.encode(try MetadataText.staged("Last"))
        func gauge(_ value: UInt8, isScattered: Bool) -> [UInt8] {
            let bits: [UInt8] = [0x11, 0, 0, 0, 0, 0, 0, 0xf0, value]
            var body = field(1, field(1, Array("g".utf8)) + bits)
            if isScattered { body += field(2, []) }
            body += field(2, staged)
            return [0x08, 3] + field(4, body)
        }
        let simulation = Simulation(Script.options)
        let payloads = (0..<40 as Range<UInt8>).map { gauge(0x3f + $0 % 2, isScattered: $0 == 0 || $0 == 33) }
        simulation.ingest(payloads, now: 1_000 * Self.second)
        #expect(simulation.total(\.decoded) == 40)
        simulation.flushAll(now: 1_010 * Self.second)
        // Of equal times the first value is the last: 0x3ff0… is 1.
        #expect(simulation.published.map(\.value) == [1])
        #expect(simulation.failures.isEmpty)
    }

    @Test func annotationsMakeRoomWhenTheirWindowsAreOut() throws {
        var options = Script.options
        options.limits.maxAnnotations = 100
        let simulation = Simulation(options)
        let metadata = try MetadataText.staged("Sum")
        for generation in 0..<3 as Range<Int64> {
            let now = (1_000 + 10 * generation) * Self.second
            for index in 0..<150 {
                simulation.ingest(
                    Payload.gauge("g\(index)", 1, metadata, note: "\(generation) \(index)"), now: now)
            }
            #expect(simulation.total(\.annotationsDropped) == UInt64(50 * (generation + 1)))
            simulation.flushAll(now: now + 10 * Self.second)
            simulation.tick(now: now + 10 * Self.second)
        }
        let annotated = simulation.published.filter { !$0.annotation.isEmpty }
        #expect(annotated.count == 300)
        #expect(
            annotated.allSatisfy { String(decoding: $0.annotation, as: UTF8.self).hasSuffix(" " + $0.name.dropFirst()) }
        )
        #expect(simulation.published.count == 450)
    }

    @Test func flushBucketsMakeRoomWhenTheirSeriesAreGone() throws {
        var options = Script.options
        options.limits.maxFlushBuckets = 2
        options.entryTTLNanos = Self.second
        let simulation = Simulation(options)
        func ingest(_ policy: String, now: Int64) throws {
            simulation.ingest(
                Payload.counter("c" + policy, 1, try MetadataText.staged("Sum on \(policy)")), now: now * Self.second)
        }
        try ingest("10s:2d", now: 1_000)
        try ingest("20s:2d", now: 1_000)
        try ingest("30s:2d", now: 1_000)
        #expect(simulation.drops == [.flushBucketLimit: 1])
        #expect(simulation.liveSeries == 2)
        simulation.tick(now: 1_005 * Self.second)
        simulation.flushAll(now: 1_020 * Self.second)
        try ingest("30s:2d", now: 1_021)
        #expect(simulation.drops == [.flushBucketLimit: 1])
        simulation.flushAll(now: 1_050 * Self.second)
        #expect(simulation.published.map(\.policy.description).sorted() == ["10s:2d", "20s:2d", "30s:2d"])
        #expect(simulation.failures.isEmpty)
    }

    /// A late value makes a window anew that lies before the last one published; PerSecond of later windows does not
    /// take it for the one before.
    @Test func lateWindowsLeaveTheHistoryAlone() throws {
        try Script.run(
            """
            1000 timed gauge g 100 at 1000 : Last do Increase
            1001 timed gauge g 150 at 1010 : Last do Increase
            1090 flush
            -> g @1010 = 100
            -> g @1020 = 50
            1065 timed gauge g 170 at 1009 : Last do Increase
            1066 timed gauge g 160 at 1020 : Last do Increase
            1100 flush
            -> g @1010 = 170
            -> g @1030 = 10
            """)
    }
}
