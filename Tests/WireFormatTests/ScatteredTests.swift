import Metrics
import TestKit
import Testing
import WireFormat

/// Messages whose sub-messages and lists come in pieces mean the same as those in one piece.
@Suite struct ScatteredTests {
    private static let tenSeconds = StoragePolicy(
        resolutionNanos: 10_000_000_000, precisionNanos: 1_000_000_000, retentionNanos: 172_800_000_000_000)

    private func field(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] { [tag, UInt8(contents.count)] + contents }

    private func read(_ payload: [UInt8]) throws -> DecodedMetric {
        #expect(throws: WireError.scattered) {
            try MetricReader.read(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
        }
        return try DecodedMetric.ours(payload)
    }

    @Test func repeatedMetadatasAreJoined() throws {
        let first = StagedMetadata(cutoverNanos: 1, pipelines: [PipelineMetadata(storagePolicies: [Self.tenSeconds])])
        let second = StagedMetadata(cutoverNanos: 2, tombstoned: true)
        let metric = field(0x0a, [0x0a, 1, 7, 0x10, 42])
        let body = metric + field(0x12, MetadataCodec.encode([first])) + field(0x12, MetadataCodec.encode([second]))
        let payload = [0x08, 1] + field(0x12, body)
        let result = try read(payload)
        #expect(result.id == [7] && result.counterValue == 42)

        let gathered = try MetricReader.gathered(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
        let view = try MetricReader.read(gathered.span.bytes, in: ByteRange(offset: 0, count: gathered.count))
        #expect(try MetadataCodec.stagedMetadatas(gathered.span.bytes, in: view.metadata) == [first, second])
    }

    @Test func repeatedBodiesAreMergedAndTheOtherTypesLeftOut() throws {
        let counter = field(0x0a, [0x0a, 1, 7, 0x10, 42])
        let again = field(0x0a, [0x1a, 1, 9])
        let gauge = field(0x22, field(0x0a, [0x0a, 1, 8]))
        let payload = [0x08, 1] + field(0x12, counter) + gauge + field(0x12, again)
        let result = try read(payload)
        #expect(result.kind == 1 && result.id == [7] && result.counterValue == 42 && result.annotation == [9])
    }

    @Test func aMalformedBodyOfAnotherTypeSpoilsTheMessage() throws {
        let payload = [0x08, 1] + field(0x12, field(0x0a, [0x10, 42])) + field(0x22, field(0x0a, [0x10, 1]))
        #expect(throws: WireError.malformedMessage("MetricWithMetadatas")) { _ = try read(payload) }
    }

    @Test func valuesOneByOneAndPackedAreOneList() throws {
        let one: [UInt8] = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
        let two: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x40]
        let timer = [0x0a, 1, 7, 0x11] + one + field(0x12, two + one) + [0x11] + two
        let payload = [0x08, 2] + field(0x1a, field(0x0a, timer))
        #expect(try read(payload).values == [1.0, 2, 1, 2].map(\.bitPattern))
    }

    @Test func oneValueWithItsOwnTagNeedsNoGathering() throws {
        let timer: [UInt8] = [0x0a, 1, 7, 0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
        let payload = [0x08, 2] + field(0x1a, field(0x0a, timer))
        let view = try MetricReader.read(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
        #expect(view.valueCount == 1 && view.value(at: 0, in: payload.span.bytes) == 1)
    }

    @Test func piecesInsideMetadataAreMergedFieldByField() throws {
        // A policy whose window, precision and retention come in three pieces, and an aggregation id in two of which the
        // later counts.
        let policy =
            field(0x0a, [0x08] + [0x80, 0xc8, 0xaf, 0xa0, 0x25])
            + field(0x12, [0x08] + [0x80, 0x80, 0xf8, 0x94, 0x92, 0xa5, 0x27])
            + field(0x0a, [0x10] + [0x80, 0x94, 0xeb, 0xdc, 0x03])
        let metadata =
            field(0x0a, [0x08, 2]) + field(0x12, Array(policy.prefix(8))) + field(0x12, Array(policy.dropFirst(8)))
            + field(0x0a, [0x08, 4]) + field(0x1a, [0x08, 3])
        let result = try MetadataCodec.timedMetadata(
            metadata.span.bytes, in: ByteRange(offset: 0, count: metadata.count))
        #expect(
            result
                == TimedMetadata(
                    aggregationID: AggregationID([.min]), storagePolicy: Self.tenSeconds, routingTrafficTypes: 3))
    }

    @Test func anExplicitZeroInALaterPieceCounts() throws {
        let metadata =
            field(0x0a, [0x08, 2]) + field(0x12, MetadataCodec.encode(Self.tenSeconds)) + field(0x0a, [0x08, 0])
        let result = try MetadataCodec.timedMetadata(
            metadata.span.bytes, in: ByteRange(offset: 0, count: metadata.count))
        #expect(result.aggregationID == .default)
    }

    @Test func messageFramesWithTwoMetadatasAreMergedAndAckedByTheirNumbers() throws {
        let frame = field(0x0a, [0x08, 5, 0x10, 6]) + field(0x0a, [0x10, 7, 0x18, 8])
        let view = try M3MsgFrame.readMessage(frame.span.bytes, in: ByteRange(offset: 0, count: frame.count))
        #expect(view.metadataIsScattered && view.shard == 5 && view.id == 7 && view.sentAtNanos == 8)
        let ack = written { M3MsgFrame.appendAck(of: [view], from: frame.span.bytes, to: &$0) }
        #expect(ack.hex == "00000008" + "0a06080510071808")
        #expect(M3MsgFrame.ackEntrySize(view) == 8)
    }

    @Test func theTypeOfTheLastPieceCounts() throws {
        let payload = [0x08, 6] + field(0x3a, field(0x0a, [0x08, 9]) + field(0x0a, [0x08, 3]))
        let view = try MetricReader.read(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
        #expect(view.metricType == .gauge)
        let policy = field(0x12, MetadataCodec.encode(Self.tenSeconds))
        let aggregated = field(0x0a, field(0x0a, [0x08, 9]) + policy) + field(0x0a, field(0x0a, [0x08, 3]))
        let all = ByteRange(offset: 0, count: aggregated.count)
        #expect(try AggregatedMetricReader.read(aggregated.span.bytes, in: all).metricType == .gauge)
    }

    @Test func whatIsTooLargeToGatherIsRefused() throws {
        let payload = [UInt8](repeating: 0, count: WireLimits.maxGatheredBytes + 1)
        #expect(
            throws: WireError.limitExceeded(
                field: "scattered metric bytes", value: payload.count, limit: WireLimits.maxGatheredBytes)
        ) {
            try MetricReader.gathered(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
        }
    }
}
