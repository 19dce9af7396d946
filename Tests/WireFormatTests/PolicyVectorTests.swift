import Metrics
import TestKit
import Testing
import WireFormat

@Suite struct PolicyVectorTests {
    @Test func theFileHoldsTheseBytes() throws {
        let lines = try Line.all("policy.jsonl")
        #expect(lines.count == 54)
        #expect(lines.filter { $0.has("proto_hex") && $0.has("from_proto") }.count == 27)
        #expect(lines.filter { $0.has("proto_hex") && !$0.has("from_proto") }.count == 2)
    }

    @Test(.vectors, arguments: try VectorLine.all("policy.jsonl"))
    func policyHasItsBytes(_ vector: VectorLine) throws {
        let line = try Line(vector)
        guard line.has("proto_hex") else { return }
        #expect(try line.string("kind") == "storage_policy_parse")
        let bytes = try line.bytes("proto_hex")
        let policy = try line.line("result").storagePolicyFigures()
        #expect(MetadataCodec.encode(policy) == bytes)
        if line.has("from_proto") {
            #expect(try MetadataCodec.storagePolicy(bytes.span.bytes, in: .all(of: bytes.span.bytes)) == policy)
        } else {
            #expect(throws: WireError.emptyRetention) {
                try MetadataCodec.storagePolicy(bytes.span.bytes, in: .all(of: bytes.span.bytes))
            }
        }
    }
}
