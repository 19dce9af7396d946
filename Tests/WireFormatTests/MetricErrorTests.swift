import Metrics
import TestKit
import Testing
import WireFormat

@Suite struct MetricErrorTests {
    private func error(of payload: [UInt8]) -> WireError? {
        do {
            _ = try MetricReader.read(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
            return nil
        } catch {
            return error
        }
    }

    @Test func envelopesNeedAKnownTypeAndItsSubmessage() {
        #expect(error(of: []) == .unrecognizedMessageType(0))
        #expect(error(of: [0x08, 8]) == .unrecognizedMessageType(8))
        #expect(
            error(of: [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]) == .unrecognizedMessageType(-1))
        for type: UInt8 in 1...7 {
            #expect(error(of: [0x08, type]) == .missingSubmessage(type: Int32(type)))
            #expect(error(of: [0x08, type, (type + 1) << 3 | 2, 0]) == nil, "an empty sub-message reads as all zero")
            let other = type == 7 ? UInt8(2) : type + 2
            #expect(error(of: [0x08, type, other << 3 | 2, 0]) == .missingSubmessage(type: Int32(type)))
        }
    }

    @Test func theLastOfRepeatedScalarsCounts() throws {
        let payload: [UInt8] = [0x08, 3, 0x12, 9, 0x0a, 7, 0x0a, 1, 7, 0x10, 1, 0x10, 2, 0x08, 1]
        let view = try MetricReader.read(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
        #expect(view.kind == .counter && view.counterValue == 2)
    }

    @Test func metricTypesAreKnown() {
        func timed(_ type: UInt8) -> [UInt8] { [0x08, 6, 0x3a, 4, 0x0a, 2, 0x08, type] }
        for type: UInt8 in 0...3 { #expect(error(of: timed(type)) == nil) }
        #expect(error(of: timed(4)) == .unknownMetricType(4))
    }

    @Test func wrongWireTypesAndGroupsAreRefusedAndUnknownFieldsPassedOver() {
        let good: [UInt8] = [0x08, 1, 0x12, 0]
        #expect(error(of: [0x0a, 0] + good) == .wrongWireType(message: "MetricWithMetadatas", field: 1, wireType: 2))
        #expect(
            error(of: good + [0x4b, 0x4c]) == .wrongWireType(message: "MetricWithMetadatas", field: 9, wireType: 3))
        #expect(error(of: good + [0x4c]) == .wrongWireType(message: "MetricWithMetadatas", field: 9, wireType: 4))
        #expect(error(of: good + [0x00, 0x00]) == .malformedTag(message: "MetricWithMetadatas", offset: 4))
        let unknown: [UInt8] = [
            0x48, 1, 0x51, 1, 2, 3, 4, 5, 6, 7, 8, 0x5a, 1, 1, 0x65, 1, 2, 3, 4, 0xf8, 0xff, 0x3f, 0,
        ]
        #expect(error(of: unknown + good + unknown) == nil)
    }

    @Test func packedListsHoldWholeDoubles() {
        #expect(
            error(of: [0x08, 2, 0x1a, 5, 0x0a, 3, 0x12, 1, 0])
                == .malformedPacked(field: "BatchTimer.values", count: 1))
    }

    @Test func rangesOutsideOfTheBytesAreRefused() {
        let bytes = [UInt8](repeating: 0, count: 4)
        for range in [
            ByteRange(offset: 5, count: 0), ByteRange(offset: 0, count: 5), ByteRange(offset: -1, count: 2),
            ByteRange(offset: .max, count: .max), ByteRange(offset: 2, count: -1),
        ] {
            #expect(
                throws: WireError.rangeOutsideInput(offset: range.offset, count: range.count, available: 4)
            ) { try MetricReader.read(bytes.span.bytes, in: range) }
        }
    }

    @Test func idsAnnotationsValuesAndMetadataAreBounded() throws {
        func counter(id: Int = 1, annotation: Int = 0, metadata: Int = 0) -> [UInt8] {
            let id = [UInt8](repeating: 1, count: id)
            let annotation = [UInt8](repeating: 1, count: annotation)
            let metadata = [UInt8](repeating: 1, count: metadata)
            return written {
                MetricWriter.appendCounter(
                    id: id.span.bytes, value: 1, annotation: annotation.span.bytes, metadatas: metadata.span.bytes,
                    to: &$0)
            }
        }
        func over(_ field: String, _ limit: Int) -> WireError {
            .limitExceeded(field: field, value: limit + 1, limit: limit)
        }
        #expect(error(of: counter(id: WireLimits.maxIDBytes, annotation: WireLimits.maxAnnotationBytes)) == nil)
        #expect(error(of: counter(id: WireLimits.maxIDBytes + 1)) == over("metric id bytes", WireLimits.maxIDBytes))
        #expect(
            error(of: counter(annotation: WireLimits.maxAnnotationBytes + 1))
                == over("annotation bytes", WireLimits.maxAnnotationBytes))
        #expect(
            error(of: counter(metadata: WireLimits.maxMetadataBytes + 1))
                == over("metadata bytes", WireLimits.maxMetadataBytes))
        let values = [Double](repeating: 1, count: WireLimits.maxValues + 1)
        let timer = written {
            MetricWriter.appendBatchTimer(id: RawSpan(), values: values.span, metadatas: RawSpan(), to: &$0)
        }
        #expect(error(of: timer) == over("number of values", WireLimits.maxValues))
    }

    @Test func everyErrorHasAReasonOfItsOwnAndSaysWhatIsWrong() {
        let errors: [WireError] = [
            .rangeOutsideInput(offset: 1, count: 2, available: 3), .truncated(message: "m", offset: 1),
            .malformedVarint(message: "m", offset: 1), .malformedTag(message: "m", offset: 1),
            .wrongWireType(message: "m", field: 1, wireType: 2), .malformedPacked(field: "f", count: 3),
            .limitExceeded(field: "f", value: 2, limit: 1), .missingSubmessage(type: .max),
            .unrecognizedMessageType(9), .scattered, .unknownMetricType(4), .emptyResolution, .emptyRetention,
            .invalidPrecision(nanos: 3), .unknownPipelineOpType(3), .unknownTransformationType(6),
            .unknownDropPolicy(3), .unknownMatcherType(4), .invalidUTF8(field: "f"), .malformedMessage("m"),
            .malformedSnappy(count: 1),
        ]
        #expect(errors.map(\.reason) == WireError.reasons)
        #expect(Set(WireError.reasons).count == errors.count)
        #expect(Set(errors.map(\.description)).count == errors.count)
    }
}
