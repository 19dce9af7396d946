import Foundation
import Metrics
import TestKit
import Testing

@Suite struct TagsVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        #expect(
            try VectorLine.kinds("tags.jsonl") == [
                "encoded_tags": 11, "decode_tags": 8, "rollup_id_m3": 5, "rollup_id_coordinator": 8,
                "m3_id_parse": 13,
            ])
    }

    @Test(.vectors, arguments: try VectorLine.all("tags.jsonl"))
    func idsAreM3s(_ vector: VectorLine) throws {
        let line = try vector.object()
        switch try #require(line["kind"] as? String) {
        case "encoded_tags": try encodedTags(line)
        case "decode_tags": try decodeTags(line)
        case "rollup_id_m3": try rollupM3(line)
        case "rollup_id_coordinator": try rollupCoordinator(line)
        case "m3_id_parse": try parseM3(line)
        case let kind: Issue.record("unknown kind \(kind)")
        }
    }

    private func encodedTags(_ line: [String: Any]) throws {
        let input = try #require(line["input"] as? [String: Any])
        let tags = try #require(input["tags_value_hex"] as? [String: String])
        let pairs = try tags.map { name, hex in
            // Two values are described rather than spelt out: "65535 x 'v'".
            let parts = hex.split(separator: " ")
            if parts.count == 3, let count = Int(parts[0]) {
                return (name: Array(name.utf8), value: [UInt8](repeating: UInt8(ascii: "v"), count: count))
            }
            return (name: Array(name.utf8), value: try #require(Fixtures.bytes(hex: hex)))
        }
        guard let expected = line["hex"] as? String else {
            let reason = try #require(line["error"] as? String)
            let error = #expect(throws: MetricsError.self) { try Labels(bytePairs: pairs) }
            #expect(error?.description.contains(reason) == true)
            return
        }
        let labels = try Labels(bytePairs: pairs)
        #expect(labels.encoded.hex == expected)
        #expect(try Labels(encodedTags: labels.encoded) == labels)
        var seen: [String: [UInt8]] = [:]
        labels.forEach({ seen[String(decoding: $0, as: UTF8.self)] = Array($1) })
        #expect(
            seen == Dictionary(uniqueKeysWithValues: pairs.map { (String(decoding: $0.name, as: UTF8.self), $0.value) })
        )
        #expect(labels["__name__"] == line["name"] as? String)
    }

    private func decodeTags(_ line: [String: Any]) throws {
        let hex = try #require((line["input"] as? [String: Any])?["hex"] as? String)
        let bytes = try #require(Fixtures.bytes(hex: hex))
        let result = try #require(line["result"] as? [String: Any])
        var decoded = 0
        var failed = false
        bytes.withUnsafeBytes { buffer in
            do {
                var tags = try EncodedTags.Iterator(buffer)
                while try tags.next() != nil { decoded += 1 }
            } catch {
                failed = true
            }
        }
        #expect(failed == (line["error"] != nil), "\(hex)")
        #expect(decoded == result["tags"] as? Int, "\(hex)")
    }

    private func rollupM3(_ line: [String: Any]) throws {
        let (name, pairs) = try nameAndPairs(line)
        let tags = pairs.map { M3ID.Tag(name: $0.name, value: $0.value) }
        let id = M3ID.rollup(name: name, tags: tags)
        #expect(String(decoding: id, as: UTF8.self) == line["result"] as? String)
        #expect(try M3ID(parsing: id).isRollup)
    }

    private func rollupCoordinator(_ line: [String: Any]) throws {
        let (name, pairs) = try nameAndPairs(line)
        #expect(try RollupID.encoded(name: name, pairs: pairs).hex == line["hex"] as? String)
    }

    private func nameAndPairs(_ line: [String: Any]) throws -> ([UInt8], [(name: [UInt8], value: [UInt8])]) {
        let input = try #require(line["input"] as? [String: Any])
        let name = try #require(input["name"] as? String)
        let tags = input["tags"] as? [[String]] ?? []
        return (Array(name.utf8), tags.map { (Array($0[0].utf8), Array($0[1].utf8)) })
    }

    private func parseM3(_ line: [String: Any]) throws {
        let input = Array(try #require(line["input"] as? String).utf8)
        guard let result = line["result"] as? [String: Any] else {
            #expect(line["error"] as? String == "invalid m3 metric")
            #expect(throws: MetricsError.self) { try M3ID(parsing: input) }
            return
        }
        let id = try M3ID(parsing: input)
        #expect(String(decoding: id.name, as: UTF8.self) == result["name"] as? String)
        #expect(id.isRollup == result["is_rollup"] as? Bool)
        let tags = id.wellFormedTags.map {
            [String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self)]
        }
        #expect(tags == result["tags"] as? [[String]] ?? [])
        if result["tags_error"] != nil {
            #expect(throws: MetricsError.self) { try id.tags() }
        } else {
            #expect(try id.tags().count == tags.count)
        }
    }
}
