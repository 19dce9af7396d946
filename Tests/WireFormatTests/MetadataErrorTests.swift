import Metrics
import TestKit
import Testing
import WireFormat

/// What decodes, but has no meaning, and what is too much.
@Suite struct MetadataErrorTests {
    private func field(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        written { writer in
            writer.append(tag)
            var rest = contents.count
            while rest >= 0x80 {
                writer.append(UInt8(rest & 0x7f) | 0x80)
                rest >>= 7
            }
            writer.append(UInt8(rest))
            writer.append(contentsOf: contents)
        }
    }

    private func staged(pipeline: [UInt8]) -> [UInt8] { field(0x0a, field(0x1a, field(0x0a, pipeline))) }

    private func error(of metadatas: [UInt8]) -> WireError? {
        do {
            _ = try MetadataCodec.stagedMetadatas(
                metadatas.span.bytes, in: ByteRange(offset: 0, count: metadatas.count))
            return nil
        } catch {
            return error
        }
    }

    @Test func noBytesAreNoMetadatas() throws {
        #expect(try MetadataCodec.stagedMetadatas(RawSpan(), in: .empty) == [])
        #expect(error(of: staged(pipeline: [])) == nil)
    }

    @Test func storagePoliciesNeedFigures() {
        let window: [UInt8] = [0x0a, 6, 0x08, 0x80, 0xc8, 0xaf, 0xa0, 0x25]
        let precision: [UInt8] = [0x0a, 6, 0x10, 0x80, 0x94, 0xeb, 0xdc, 0x03]
        let retention: [UInt8] = [0x12, 2, 0x08, 1]
        #expect(error(of: staged(pipeline: field(0x12, retention))) == .emptyResolution)
        #expect(error(of: staged(pipeline: field(0x12, window + retention))) == .invalidPrecision(nanos: 0))
        #expect(
            error(of: staged(pipeline: field(0x12, [0x0a, 2, 0x10, 3] + retention))) == .invalidPrecision(nanos: 3))
        #expect(error(of: staged(pipeline: field(0x12, precision))) == .emptyRetention)
        #expect(error(of: staged(pipeline: field(0x12, precision + retention))) == nil)
        #expect(error(of: staged(pipeline: field(0x12, []))) == .emptyResolution)
        #expect(throws: WireError.emptyResolution) { try MetadataCodec.forwardMetadata(RawSpan(), in: .empty) }
        #expect(throws: WireError.emptyResolution) { try MetadataCodec.timedMetadata(RawSpan(), in: .empty) }
        #expect(throws: WireError.emptyResolution) { try MetadataCodec.storagePolicy(RawSpan(), in: .empty) }
    }

    @Test func pipelineStepsNeedAKnownType() {
        func step(_ contents: [UInt8]) -> [UInt8] { staged(pipeline: field(0x1a, field(0x0a, contents))) }
        #expect(error(of: step([])) == .unknownPipelineOpType(0))
        #expect(error(of: step([0x08, 3])) == .unknownPipelineOpType(3))
        #expect(error(of: step([0x08, 1])) == .unknownTransformationType(0))
        #expect(error(of: step([0x08, 1, 0x12, 2, 0x08, 6])) == .unknownTransformationType(6))
        #expect(error(of: step([0x08, 1, 0x12, 2, 0x08, 5])) == nil)
        #expect(error(of: step([0x08, 2])) == nil)
    }

    @Test func dropPoliciesAreKnown() {
        #expect(error(of: staged(pipeline: [0x20, 2])) == nil)
        #expect(error(of: staged(pipeline: [0x20, 3])) == .unknownDropPolicy(3))
        #expect(
            error(of: staged(pipeline: [0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]))
                == .unknownDropPolicy(-1))
    }

    @Test func wrongWireTypesAndCutBytesAreRefused() {
        #expect(error(of: [0x08, 1]) == .malformedMessage("StagedMetadatas"))
        #expect(error(of: [0x0a]) == .truncated(message: "metadata", offset: 1))
        #expect(error(of: [0x0a, 5, 0]) == .truncated(message: "metadata", offset: 1))
        #expect(error(of: [0x0b, 0x0c]) == .wrongWireType(message: "metadata", field: 1, wireType: 3))
    }

    @Test func listsAreBounded() {
        func over(_ field: String, _ limit: Int) -> WireError {
            .limitExceeded(field: field, value: limit + 1, limit: limit)
        }
        func many(_ tag: UInt8, _ count: Int, _ contents: [UInt8] = []) -> [UInt8] {
            (0..<count).flatMap { _ in field(tag, contents) }
        }
        let policy = MetadataCodec.encode(
            StoragePolicy(resolutionNanos: 1, precisionNanos: 1, retentionNanos: 1))
        #expect(error(of: many(0x0a, WireLimits.maxStagedMetadatas)) == nil)
        #expect(
            error(of: many(0x0a, WireLimits.maxStagedMetadatas + 1))
                == over("number of staged metadatas", WireLimits.maxStagedMetadatas))
        #expect(
            error(of: field(0x0a, field(0x1a, many(0x0a, WireLimits.maxPipelines + 1))))
                == over("number of pipelines", WireLimits.maxPipelines))
        #expect(error(of: staged(pipeline: many(0x12, WireLimits.maxStoragePolicies, policy))) == nil)
        #expect(
            error(of: staged(pipeline: many(0x12, WireLimits.maxStoragePolicies + 1, policy)))
                == over("number of storage policies", WireLimits.maxStoragePolicies))
        #expect(
            error(of: staged(pipeline: field(0x1a, many(0x0a, WireLimits.maxPipelineOps + 1, [0x08, 2]))))
                == over("number of pipeline ops", WireLimits.maxPipelineOps))
        #expect(
            error(of: [UInt8](repeating: 0, count: WireLimits.maxMetadataBytes + 1))
                == over("metadata bytes", WireLimits.maxMetadataBytes))
    }
}
