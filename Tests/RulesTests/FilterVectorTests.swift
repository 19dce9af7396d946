import Foundation
import Metrics
import Rules
import TestKit
import Testing

@Suite struct FilterVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        #expect(
            try VectorLine.kinds("filters.jsonl") == ["filter": 56, "tag_filter_parse": 13, "tags_filter": 26])
        let lines = try VectorLine.all("filters.jsonl").map { try $0.object() }
        #expect(lines.filter { $0["error"] != nil }.count == 18)
    }

    @Test(.vectors, arguments: try VectorLine.all("filters.jsonl"))
    func acceptsRefusesAndMatchesAsM3(_ vector: VectorLine) throws {
        let line = try vector.object()
        switch try #require(line["kind"] as? String) {
        case "filter":
            let pattern = try #require((line["input"] as? [String: Any])?["pattern"] as? String)
            if line["error"] != nil {
                #expect(throws: FilterError.self) { try ValueFilter(pattern) }
                return
            }
            let filter = try ValueFilter(pattern)
            let results = try #require(line["result"] as? [Any])
            #expect(!results.isEmpty)
            for result in results {
                let pair = try #require(result as? [Any])
                let hex = try #require(pair[0] as? String)
                let value = try #require(Fixtures.bytes(hex: hex))
                let expected = try #require(pair[1] as? Bool)
                #expect(filter.matches(value) == expected, "\(pattern) on \(String(decoding: value, as: UTF8.self))")
            }
        case "tag_filter_parse":
            let text = try #require(line["input"] as? String)
            if line["error"] != nil {
                #expect(throws: FilterError.self) { try TagFilterText.pairs(text) }
                return
            }
            let expected = try #require(line["result"] as? [String: [String: Any]])
            let pairs = try TagFilterText.pairs(text)
            #expect(pairs.count == expected.count)
            for pair in pairs { #expect(expected[pair.name]?["pattern"] as? String == pair.pattern) }
        case "tags_filter":
            let input = try #require(line["input"] as? [String: Any])
            let filter = try TagsFilter(
                try #require(input["filter"] as? String), nameTag: try #require(input["name_tag"] as? String),
                op: input["op"] as? String == "||" ? .disjunction : .conjunction)
            let results = try #require(line["result"] as? [String: Bool])
            #expect(!results.isEmpty)
            for (id, expected) in results {
                #expect(filter.matches(try tags(ofM3ID: id)) == expected, "\(input) on \(id)")
            }
        case let kind: Issue.record("unknown kind \(kind)")
        }
    }

    private func tags(ofM3ID id: String) throws -> TagList {
        let parsed = try M3ID(parsing: Array(id.utf8))
        var list = TagList()
        for tag in try parsed.tags() { list.append(name: tag.name, value: tag.value) }
        list.setMetricName(parsed.name)
        list.sort()
        return list
    }

    @Test(arguments: [
        ("*nginx*", "app-nginx-1", true), ("aba*aba", "aba", true), ("ba?[0-9][!a-z]9", "bar959", true),
        ("ba?[0-9][!a-z]9", "bar9", false), ("ba{r,rn}", "barn", true), ("ba{rn,r}n", "barn", false),
        ("x{,a}*", "xb", false), ("*{b,ab}", "ab", true), ("c*{b,ab}", "cab", true), ("[!]", "x", true),
        ("[!]", "", false),
    ])
    func alternativesTakeTheLongestWithoutTurningBack(pattern: String, value: String, expected: Bool) throws {
        #expect(try ValueFilter(pattern).matches(Array(value.utf8)) == expected)
    }

    @Test(arguments: [
        "!", "**", "*too*many*", "to*o*many", "abc[sdf", "ab]c[sdf", "abc[z-a]", "abc[a-zA-Z0]", "*con[tT]ains*",
        "*con?ains*", "ab{}sdf", "ab[]sdf", "ab}c{sdf",
    ])
    func invalidPatternsAreRefusedWithTheirText(pattern: String) {
        let error = #expect(throws: FilterError.self) { try ValueFilter(pattern) }
        #expect(error?.description.contains("'\(pattern)'") == true)
    }
}
