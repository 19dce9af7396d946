import Foundation
import Testing

@Suite struct FileTests {
    private static let maxLines = 450

    /// Assembled from pieces, so that this file doesn't hold what it forbids.
    private static let markers = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    private static let swiftWords = ["fatalError(\"un" + "implemented", "try" + "!", " as" + "! "]
    /// Places of one machine or one person.
    private static let machinePaths = [
        "/wo" + "rk/", "sha" + "red/", "/ro" + "ot/", "/ho" + "me/", "bash" + "_jobs",
    ]

    @Test func theRepositoryIsSeen() {
        #expect(Checkout.files.count > 150)
        for path in [
            "Package.swift", "README.md", "CHANGELOG.md", "Makefile", ".ci/run", "scripts/run-tests.sh",
        ] {
            #expect(Checkout.file(path) != nil, "\(path) is missing")
        }
    }

    @Test func filesOfCodeStayShort() {
        for file in Checkout.files where !file.isGenerated && !file.path.hasSuffix(".md") {
            let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
            #expect(
                count <= Self.maxLines,
                "\(file.path) has \(count) lines, the limit is \(Self.maxLines): split it by concept")
        }
    }

    @Test func nothingIsLeftForLater() {
        for file in Checkout.files where !file.isGenerated {
            for (index, line) in file.lines.enumerated() {
                for marker in Self.markers where Self.contains(line, word: marker) {
                    Issue.record("\(file.path):\(index + 1) says \(marker)")
                }
            }
        }
    }

    @Test func nothingTrapsOnPurpose() {
        for file in Checkout.files where file.path.hasSuffix(".swift") && !file.isGenerated {
            for (index, line) in file.lines.enumerated() {
                for word in Self.swiftWords where line.contains(word) {
                    Issue.record("\(file.path):\(index + 1) has '\(word)': throw an error instead")
                }
            }
        }
    }

    /// An optional that is forced, a cast that must succeed: data from outside decides otherwise one day.
    @Test func sourcesForceNothing() throws {
        let forced = try NSRegularExpression(pattern: "[A-Za-z0-9_)\\]]!(?!=|\")")
        for file in Checkout.files
        where file.path.hasPrefix("Sources/") && file.path.hasSuffix(".swift") && !file.isGenerated {
            for (index, line) in file.lines.enumerated() {
                let code = Self.code(line)
                let range = NSRange(location: 0, length: (code as NSString).length)
                #expect(forced.firstMatch(in: code, range: range) == nil, "\(file.path):\(index + 1) forces a value")
            }
        }
    }

    @Test func noFileNamesPlacesOfOneMachine() {
        for file in Checkout.files {
            for (index, line) in file.lines.enumerated() {
                for path in Self.machinePaths where line.contains(path) {
                    Issue.record("\(file.path):\(index + 1) names '\(path)'")
                }
            }
        }
    }

    @Test func filesEndWithOneNewlineAndLinesWithoutBlanks() {
        for file in Checkout.files where !file.isGenerated && !file.text.isEmpty {
            #expect(
                file.text.hasSuffix("\n") && !file.text.hasSuffix("\n\n"),
                "\(file.path) must end with one newline")
            let trailing = file.lines.firstIndex { $0.hasSuffix(" ") || $0.hasSuffix("\t") }
            #expect(trailing == nil, "\(file.path):\((trailing ?? 0) + 1) ends with blanks")
        }
    }

    @Test(arguments: [
        ("// TO" + "DO: later", true), ("TO" + "DO", true), ("to" + "do", false), ("TO" + "DOS", false),
        ("_TO" + "DO_", false),
    ]) func markersAreWholeWords(line: String, found: Bool) {
        #expect(Self.contains(line[...], word: Self.markers[0]) == found)
    }

    @Test(arguments: [
        ("let a = b" + "! + 1 // why", "let a = b" + "! + 1 "), ("print(\"wow!\")", "print(\"\")"),
        ("/// text", ""), ("a(\"x \\\"y! \") // z", "a(\"\") "),
    ]) func codeIsToldFromTextAndComments(line: String, code: String) {
        #expect(Self.code(line[...]) == code)
    }

    /// A line without the contents of its quotes and without its comment.
    private static func code(_ line: Substring) -> String {
        var code = ""
        var isQuoted = false
        var rest = line[...]
        while let character = rest.popFirst() {
            if isQuoted {
                if character == "\\" { _ = rest.popFirst() }
                if character == "\"" { isQuoted = false }
            } else if character == "/", rest.first == "/" {
                return code
            } else if character == "\"" {
                isQuoted = true
            }
            if !isQuoted || character == "\"" { code.append(character) }
        }
        return code
    }

    private static func contains(_ line: Substring, word: String) -> Bool {
        guard line.contains(word) else { return false }
        return line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.contains { $0 == word }
    }
}
