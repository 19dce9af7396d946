import Metrics
import Rules
import Testing

/// A filter as its definition reads, with Swift strings and no thought of speed.
private struct NaiveFilter {
    enum Element {
        case text(String)
        case any
        case set(String, negated: Bool)
        case oneOf([String])
    }
    var negated: Bool
    var before: [Element]
    /// nil without a star.
    var after: [Element]?

    var pattern: String {
        (negated ? "!" : "") + before.map(Self.text).joined() + (after.map { "*" + $0.map(Self.text).joined() } ?? "")
    }

    private static func text(_ element: Element) -> String {
        switch element {
        case .text(let text): text
        case .any: "?"
        case .set(let members, let negated): "[" + (negated ? "!" : "") + members + "]"
        case .oneOf(let texts): "{" + texts.joined(separator: ",") + "}"
        }
    }

    private static func eat(_ elements: [Element], _ value: String, backwards: Bool) -> String? {
        var rest = value
        for element in backwards ? elements.reversed() : elements {
            var count: Int?
            switch element {
            case .text(let text): count = (backwards ? rest.hasSuffix(text) : rest.hasPrefix(text)) ? text.count : nil
            case .any: count = rest.isEmpty ? nil : 1
            case .set(let members, let negated):
                if let character = backwards ? rest.last : rest.first {
                    count = members.contains(character) != negated ? 1 : nil
                }
            case .oneOf(let texts):
                count = texts.filter { backwards ? rest.hasSuffix($0) : rest.hasPrefix($0) }.map(\.count).max()
            }
            guard let count else { return nil }
            rest = backwards ? String(rest.dropLast(count)) : String(rest.dropFirst(count))
        }
        return rest
    }

    func matches(_ value: String) -> Bool {
        let rest = Self.eat(before, value, backwards: false)
        guard let after else { return (rest == "") != negated }
        return (rest != nil && Self.eat(after, value, backwards: true) != nil) != negated
    }
}

@Suite struct FilterPropertyTests {
    /// Few letters, so that matches are common.
    private static let letters = Array("abc-")

    private func element(_ random: inout SystemRandomNumberGenerator) -> NaiveFilter.Element {
        func word(_ count: ClosedRange<Int>) -> String {
            String(
                (0..<Int.random(in: count, using: &random)).map { _ in Self.letters.randomElement(using: &random) ?? "a"
                })
        }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return .any
        // The dash goes last: second, it would make a range.
        case 1:
            return .set(
                ["ab", "c", "abc", "ba-"].randomElement(using: &random) ?? "a", negated: Bool.random(using: &random))
        case 2: return .oneOf((0..<Int.random(in: 1...3, using: &random)).map { _ in word(1...2) })
        default: return .text(word(1...2))
        }
    }

    @Test func compiledFiltersAgreeWithTheirDefinition() throws {
        var random = SystemRandomNumberGenerator()
        var matches = 0
        for _ in 0..<3000 {
            let before = (0..<Int.random(in: 0...3, using: &random)).map { _ in element(&random) }
            let hasStar = Bool.random(using: &random)
            let after = hasStar ? (0..<Int.random(in: 0...3, using: &random)).map { _ in element(&random) } : nil
            if before.isEmpty && (after ?? []).isEmpty { continue }
            let naive = NaiveFilter(negated: Bool.random(using: &random), before: before, after: after)
            let filter = try ValueFilter(naive.pattern)
            for _ in 0..<20 {
                let value = String(
                    (0..<Int.random(in: 0...7, using: &random)).map { _ in
                        Self.letters.randomElement(using: &random) ?? "a"
                    })
                let expected = naive.matches(value)
                matches += expected ? 1 : 0
                #expect(filter.matches(Array(value.utf8)) == expected, "\(naive.pattern) on '\(value)'")
            }
        }
        #expect(matches > 5000)
    }

    @Test func theIndexFindsWhatTryingEveryRuleFinds() throws {
        var random = SystemRandomNumberGenerator()
        let names = ["up", "down", "upper"]
        let patterns = ["up", "down", "upper", "up*", "!up", "*", "*er"]
        let rules = try (0..<60).map { index in
            let label =
                Bool.random(using: &random) ? " job:\(["a", "!b", "*"].randomElement(using: &random) ?? "a")" : ""
            let filter = "__name__:\(patterns.randomElement(using: &random) ?? "up")" + label
            return MappingRule(
                name: "\(index)", filter: try TagsFilter(filter),
                storagePolicies: [try StoragePolicy(parsing: "\(index + 1)s:1d")])
        }
        for name in names {
            for job in ["a", "b", nil] {
                var tags = TagList()
                tags.append(name: Array("__name__".utf8), value: Array(name.utf8))
                if let job { tags.append(name: Array("job".utf8), value: Array(job.utf8)) }
                tags.sort()
                let all = rules.filter { $0.filter.matches(tags) }
                let found = RuleSet(mappingRules: rules).match(tags).pipelines
                #expect(found.map(\.metadata.storagePolicies) == all.map(\.storagePolicies))
            }
        }
    }
}
