import Foundation
import Testing

@testable import RegularExpressions

@Suite struct AnchoredRegexTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var pattern: String
        var matching: [String]
        var others: [String]
        var testDescription: String { pattern }
    }

    static let cases: [Case] = [
        Case(pattern: "", matching: [""], others: ["a"]),
        Case(pattern: "abc", matching: ["abc"], others: ["", "ab", "abcd", "xabc"]),
        Case(pattern: "a|bc|", matching: ["a", "bc", ""], others: ["b", "abc", "ac"]),
        Case(pattern: "foo(bar|baz)?", matching: ["foo", "foobar", "foobaz"], others: ["foob", "bar", "foobarbaz"]),
        Case(pattern: ".*", matching: ["", "x", "x\ny", "ä€😀"], others: []),
        Case(pattern: ".+", matching: ["x", "\n"], others: [""]),
        Case(pattern: ".", matching: ["x", "ä", "€", "😀", "\n"], others: ["", "xy"]),
        Case(pattern: "(?-s).", matching: ["x"], others: ["\n"]),
        Case(pattern: "api-.*-prod", matching: ["api--prod", "api-x-prod"], others: ["api-prod", "api-x-prod1"]),
        Case(pattern: "[a-c]x[^0-9]", matching: ["axz", "cx€"], others: ["dxz", "ax1"]),
        Case(pattern: "[]a]+", matching: ["]a]", "a"], others: ["b", ""]),
        Case(pattern: "[^]a]", matching: ["b"], others: ["]", "a"]),
        Case(pattern: "[a\\-z]+", matching: ["a-z"], others: ["b"]),
        Case(pattern: "[a-]+", matching: ["a-a"], others: ["b"]),
        Case(pattern: "[[:alpha:]]{2}[[:^digit:]]", matching: ["abx", "ab-"], others: ["ab1", "a1x"]),
        Case(pattern: "\\d{2,4}", matching: ["12", "1234"], others: ["1", "12345", "ab", "١٢"]),
        Case(pattern: "a{2,}", matching: ["aa", "aaaaa"], others: ["a", ""]),
        Case(pattern: "a{,2}", matching: ["a{,2}"], others: ["a", "aa"]),
        Case(pattern: "a{x}", matching: ["a{x}"], others: ["a"]),
        Case(pattern: "(ab){0}", matching: [""], others: ["ab"]),
        Case(pattern: "\\w+@\\S+\\.com", matching: ["a_1@b.c.com"], others: ["a@b com", "@b.com"]),
        Case(pattern: "\\W\\D\\s", matching: ["-x ", "-x\t"], others: ["ax ", "-1 ", "-xx"]),
        Case(pattern: "(?i)CPU|ärger", matching: ["cpu", "cPu", "ÄRGER"], others: ["cp"]),
        Case(pattern: "(?i:k)s", matching: ["ks", "Ks", "\u{212A}s"], others: ["kS"]),
        Case(pattern: "a(?i)b|c", matching: ["ab", "aB", "C"], others: ["Ab"]),
        Case(pattern: "(?i)[x-z]+", matching: ["XyZ"], others: ["w"]),
        Case(pattern: "(?i)[^a]", matching: ["b"], others: ["a", "A"]),
        Case(pattern: "^abc$", matching: ["abc"], others: ["abcd"]),
        Case(pattern: "a^b", matching: [], others: ["ab", "a^b"]),
        Case(pattern: "(a|b$)c?", matching: ["a", "ac", "b"], others: ["bc"]),
        Case(pattern: "(?m)a$\n^b", matching: ["a\nb"], others: ["ab"]),
        Case(pattern: "\\Aab\\z", matching: ["ab"], others: ["a"]),
        Case(pattern: "a\\b.*", matching: ["a", "a b"], others: ["ab"]),
        Case(pattern: "a\\B.*", matching: ["ab"], others: ["a", "a b"]),
        Case(pattern: "\\x41\\x{20AC}\\101", matching: ["A€A"], others: ["A€B"]),
        Case(pattern: "\\Qa.b*\\E+", matching: ["a.b*", "a.b***"], others: ["axb", "a.b"]),
        Case(pattern: "\\t\\.\\*\\\\", matching: ["\t.*\\"], others: ["t.*\\"]),
        Case(pattern: "\\pL+", matching: ["aÄж"], others: ["1"]),
        Case(pattern: "\\p{Lu}\\P{Lu}\\p{^L}", matching: ["Äb1"], others: ["äb1", "ÄBb"]),
        Case(pattern: "(?P<name>a)(?<other>b)(?:c)", matching: ["abc"], others: ["ab"]),
        Case(pattern: "a*?b+?c??", matching: ["b", "aabbc"], others: ["a"]),
        Case(pattern: "(a*)*", matching: ["", "aaa"], others: ["b"]),
        Case(pattern: "(|a)+", matching: ["", "aa"], others: ["b"]),
        Case(pattern: "(a|b|c|d)+(e|f)[0-9]{3}.*", matching: ["abcde123x"], others: ["abcd123", "e123"]),
        Case(pattern: "[\\d\\-_]+", matching: ["1-2_"], others: ["a"]),
        Case(
            pattern: "[\\x{80}-\\x{10FFFF}]", matching: ["\u{80}", "\u{7FF}", "\u{800}", "\u{FFFF}", "😀"], others: ["a"]
        ),
        Case(pattern: "10\\.0\\.(1|2)\\.\\d+:9\\d{3}", matching: ["10.0.1.33:9100"], others: ["10.0.3.33:9100"]),
    ]

    @Test(arguments: cases) func matchesWholeTextsOnly(_ test: Case) throws {
        let regex = try AnchoredRegex(test.pattern)
        for text in test.matching { #expect(regex.matches(text), "\(text)") }
        for text in test.others { #expect(!regex.matches(text), "\(text)") }
        // The automaton must say the same as the shorter ways.
        var matcher = RegexMatcher(try RegexProgram(try RegexParser.parse(test.pattern)))
        for text in test.matching { #expect(Array(text.utf8).withUnsafeBytes { matcher.matches($0) }, "\(text)") }
        for text in test.others { #expect(!Array(text.utf8).withUnsafeBytes { matcher.matches($0) }, "\(text)") }
    }

    @Test(arguments: [
        "(", ")", "a)", "(a", "[", "[a", "[b-a]", "*", "a**", "a+*", "+", "?a", "a{1001}", "a{3,2}", "\\", "\\y", "\\1",
        "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?P=x)", "(?P>x)", "(?P<>a)", "(?P<a", "(?z)", "(?i", "\\p{Greek}",
        "\\pX", "\\p{", "[[:foo:]]", "\\x{110000}", "\\xZZ", "\\x{", "(a{1000}){1000}", "\\p{L}{1000}",
    ])
    func malformedOrTooLargePatternsAreRefused(_ pattern: String) throws {
        let error = #expect(throws: RegexError.self) { try AnchoredRegex(pattern) }
        #expect(error?.description.isEmpty == false)
    }

    @Test func deepNestingIsRefusedRatherThanOverflowingTheStack() {
        #expect(throws: RegexError.self) {
            try AnchoredRegex(String(repeating: "(", count: 30_000) + String(repeating: ")", count: 30_000))
        }
        #expect(throws: RegexError.self) { try AnchoredRegex(String(repeating: "a", count: 70_000)) }
    }

    @Test func repeatingNothingCostsNothing() throws {
        let regex = try AnchoredRegex("((((){1000}){1000}){1000}){1000}")
        #expect(regex.matches(""))
        #expect(!regex.matches("a"))
    }

    @Test func catastrophicPatternsTakeLinearTime() throws {
        // A backtracking engine would need 2^10 000 steps for these.
        let text = String(repeating: "a", count: 10_000) + "!"
        for pattern in ["(a+)+", "(a|a)*b", "(a*)*c", "(.*a){20}b", "(x+x+)+y|a*b"] {
            #expect(!(try AnchoredRegex(pattern)).matches(text))
        }
        // More states than are kept: it starts anew and stays right.
        let regex = try AnchoredRegex("(a|b)*a(a|b){14}")
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<8 {
            let letters = (0..<1_000).map { _ in Bool.random(using: &generator) ? "a" : "b" }
            #expect(regex.matches(letters.joined()) == (letters[1_000 - 15] == "a"))
        }
    }

    @Test func agreesWithAnotherEngineOnRandomPatterns() throws {
        var generator = SystemRandomNumberGenerator()
        func pattern(_ depth: Int) -> String {
            let atoms = ["a", "b", "c", ".", "[ab]", "[^a]", "\\d", "\\w", "ä"]
            switch depth == 0 ? 0 : Int.random(in: 0..<6, using: &generator) {
            case 0, 1: return atoms.randomElement(using: &generator) ?? "a"
            case 2: return pattern(depth - 1) + pattern(depth - 1)
            case 3: return "(?:" + pattern(depth - 1) + "|" + pattern(depth - 1) + ")"
            case 4: return "(?:" + pattern(depth - 1) + ")" + (["*", "+", "?", "{1,3}"].randomElement() ?? "")
            default: return "(" + pattern(depth - 1) + ")" + pattern(depth - 1)
            }
        }
        var compared = 0
        for _ in 0..<300 {
            let text = pattern(4)
            let other = try NSRegularExpression(pattern: "\\A(?:" + text + ")\\z", options: [.dotMatchesLineSeparators])
            let ours = try AnchoredRegex(text)
            for _ in 0..<20 {
                let count = Int.random(in: 0..<8, using: &generator)
                let subject = (0..<count).map { _ in ["a", "b", "c", "1", "ä", "-"].randomElement() ?? "" }.joined()
                // \w of the other engine is Unicode's.
                if text.contains("\\w"), subject.contains("ä") { continue }
                let range = NSRange(location: 0, length: subject.utf16.count)
                let expected = other.firstMatch(in: subject, range: range) != nil
                #expect(ours.matches(subject) == expected, "\(text) on \(subject)")
                compared += 1
            }
        }
        #expect(compared > 2_000)
    }
}
