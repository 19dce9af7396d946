import Foundation
import Metrics
import Rules
import TestKit
import Testing

@Suite struct FilterVectorTests {
    @Test func everyCapturedFilterIsAcceptedRefusedAndMatchedAsByM3() throws {
        var lines = 0
        var refused = 0
        var comparisons = 0
        for line in try Fixtures.vectors("filters.jsonl") {
            lines += 1
            let kind = try #require(line["kind"] as? String)
            switch kind {
            case "filter":
                let pattern = try #require((line["input"] as? [String: Any])?["pattern"] as? String)
                if line["error"] != nil {
                    refused += 1
                    #expect(throws: FilterError.self, "\(pattern)") { try ValueFilter(pattern) }
                    continue
                }
                let filter = try ValueFilter(pattern)
                for case let result as [Any] in try #require(line["result"] as? [Any]) {
                    let hex = try #require(result[0] as? String)
                    let value = try #require(Fixtures.bytes(hex: hex))
                    let expected = try #require(result[1] as? Bool)
                    #expect(
                        filter.matches(value) == expected, "\(pattern) on \(String(decoding: value, as: UTF8.self))")
                    comparisons += 1
                }
            case "tag_filter_parse":
                let text = try #require(line["input"] as? String)
                if line["error"] != nil {
                    refused += 1
                    #expect(throws: FilterError.self, "\(text)") { try TagFilterText.pairs(text) }
                    continue
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
                for (id, expected) in try #require(line["result"] as? [String: Bool]) {
                    #expect(filter.matches(try tags(ofM3ID: id)) == expected, "\(input) on \(id)")
                    comparisons += 1
                }
            default: Issue.record("unknown kind \(kind)")
            }
        }
        #expect(lines == 95)
        #expect(refused == 18)
        #expect(comparisons > 1700)
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
