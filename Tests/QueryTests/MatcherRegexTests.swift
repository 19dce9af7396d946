import Testing

@testable import Query

@Suite struct MatcherRegexTests {
    @Test(arguments: [
        ("", true), (".*", true), (".+", false), ("a?", true), ("a|", true), ("a|b", false), ("(a*)+", true),
        ("(?:x|y)*", true), ("x{0,3}", true), ("x{2}", false), ("^$", true), ("[a-z]*", true), ("[]a]", false),
        ("[^/]+", false), ("\\d*", true), ("\\.", false), ("a{,3}", false), ("{", false), ("(?i)abc", false),
        ("(?i)", true), ("(?P<name>a*)", true), ("\\Qa.b\\E", false), ("\\Q\\E", true), ("[[:alpha:]]", false),
        ("\\p{L}+", false), ("\\x41", false), ("\\x{1F600}", false), ("a*?", true), ("\\b", false),
    ])
    func tellsWhetherTheEmptyTextMatches(pattern: String, expected: Bool) throws {
        #expect(try LabelMatcher(.regex, name: "a", value: pattern).matchesEmpty() == expected)
        #expect(try LabelMatcher(.notRegex, name: "a", value: pattern).matchesEmpty() != expected)
    }

    @Test(arguments: [
        "(", ")", "a)", "[", "[a", "*", "+a", "a**", "a{2,1}", "a{1001}", "\\", "\\y", "(?=a)", "(?P<>a)", "[z-a]",
        "\\x4", "\\p{L", "(?x)",
    ])
    func refuses(pattern: String) {
        let error = #expect(throws: QueryError.self) {
            try LabelMatcher(.regex, name: "a", value: pattern).matchesEmpty()
        }
        #expect(error?.message.hasPrefix("invalid regular expression '\(pattern)': ") == true)
    }
}
