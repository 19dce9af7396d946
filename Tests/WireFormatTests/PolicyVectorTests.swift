import Metrics
import Testing
import WireFormat

@Suite struct PolicyVectorTests {
    @Test func everyCapturedPolicyHasItsBytes() throws {
        var written = 0
        var refused = 0
        var lines = 0
        for line in try Line.all("policy.jsonl") {
            lines += 1
            guard try line.string("kind") == "storage_policy_parse", line.has("proto_hex") else { continue }
            let bytes = try line.bytes("proto_hex")
            let policy = try line.line("result").storagePolicyFigures()
            #expect(MetadataCodec.encode(policy) == bytes)
            if line.has("from_proto") {
                written += 1
                #expect(try MetadataCodec.storagePolicy(bytes.span.bytes, in: .all(of: bytes.span.bytes)) == policy)
            } else {
                refused += 1
                #expect(throws: WireError.emptyRetention) {
                    try MetadataCodec.storagePolicy(bytes.span.bytes, in: .all(of: bytes.span.bytes))
                }
            }
        }
        #expect(lines == 54)
        #expect(written == 27)
        #expect(refused == 2)
    }
}
