import Foundation
import Metrics
import TestKit
import Testing

@Suite struct HashVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        #expect(try VectorLine.kinds("hash.jsonl") == ["murmur3_32": 129, "aggregated_shard": 5])
    }

    @Test(.vectors, arguments: try VectorLine.all("hash.jsonl"))
    func hashesAndShardsAreM3s(_ vector: VectorLine) throws {
        let line = try vector.object()
        let input = try #require(line["input"] as? [String: Any])
        let result = try #require(line["result"] as? [String: Any])
        switch try #require(line["kind"] as? String) {
        case "murmur3_32":
            let id = try bytes(input)
            #expect(Murmur3.hash32(id) == (result["sum32"] as? NSNumber)?.uint32Value)
            try check(id, try #require(result["shard"] as? [String: Any]))
        case "aggregated_shard":
            let prefix = try #require(input["prefix"] as? String)
            let suffix = try #require(input["suffix"] as? String)
            let data = try #require(input["data"] as? [String: Any])
            let id = try bytes(data)
            try check(Array(prefix.utf8) + id + Array(suffix.utf8), result)
        case let kind: Issue.record("unknown kind \(kind)")
        }
    }

    private func bytes(_ id: [String: Any]) throws -> [UInt8] {
        let hex = try #require(id["hex"] as? String)
        let bytes = try #require(Fixtures.bytes(hex: hex))
        #expect(bytes.count == id["len"] as? Int)
        return bytes
    }

    private func check(_ id: [UInt8], _ shards: [String: Any]) throws {
        #expect(!shards.isEmpty)
        for (numShards, shard) in shards {
            let modulus = try #require(UInt32(numShards))
            let found = id.withUnsafeBytes { Murmur3.shard(of: $0, numShards: modulus) }
            #expect(found == (shard as? NSNumber)?.uint32Value)
        }
    }
}
