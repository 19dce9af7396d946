import Foundation
import Testing

@Suite struct DocumentationTests {
    private static let documents = Checkout.files.filter { $0.path.hasSuffix(".md") }

    @Test func everyLinkLeadsToAFileAndHeading() {
        var links = 0
        for document in Self.documents {
            for target in Self.linkTargets(document.text) {
                guard !target.contains("://"), !target.hasPrefix("mailto:") else { continue }
                links += 1
                let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                    .map(
                        String.init)
                let path = parts[0].isEmpty ? document.path : Self.resolve(parts[0], from: document.path)
                #expect(Checkout.exists(path), "\(document.path) links to \(target), which does not exist")
                guard parts.count == 2, let file = Checkout.file(path) else { continue }
                #expect(
                    Self.headings(file.text).contains(parts[1]),
                    "\(document.path) links to \(target): no such heading")
            }
        }
        #expect(links > 5)
    }

    /// Comments and messages name documents too: their paths below the docs folder.
    @Test func everyDocumentThatCodeNamesExists() {
        var namers: [String: Set<String>] = [:]
        for file in Checkout.files where !file.isGenerated {
            for piece in file.text.components(separatedBy: "docs/").dropFirst() {
                let name = piece.prefix { $0.isLetter || $0.isNumber || "-_.".contains($0) }
                guard name.hasSuffix(".md") || name.hasSuffix(".md.") else { continue }
                namers["docs/" + (name.hasSuffix(".") ? name.dropLast() : name), default: []].insert(file.path)
            }
        }
        for (document, files) in namers {
            #expect(Checkout.exists(document), "\(files.sorted().prefix(3)) of \(files.count) files name it")
        }
        #expect(namers.count > 5)
    }

    @Test func everyDocumentIsReachable() {
        for document in Self.documents where document.path.hasPrefix("docs/") {
            let name = String(document.path.dropFirst("docs/".count))
            let linked = Self.documents.contains { other in
                other.path != document.path
                    && Self.linkTargets(other.text).contains { $0.hasSuffix(name) || $0.contains(name + "#") }
            }
            #expect(linked, "no document links to \(document.path)")
        }
    }

    @Test func theChangelogSpeaksOfComponents() throws {
        let changelog = try #require(Checkout.file("CHANGELOG.md"))
        let entries = changelog.lines.filter { $0.hasPrefix("- ") }
        #expect(!entries.isEmpty)
        for entry in entries {
            let component = entry.dropFirst(2).prefix { $0 != ":" }
            #expect(
                component.count < 40 && component.count < entry.count - 3,
                "'\(entry)' does not begin with 'component: '")
        }
    }

    @Test func theCommandsOfTheReadmeAreTargets() throws {
        let makefile = try #require(Checkout.file("Makefile")).text
        let readme = try #require(Checkout.file("README.md")).text
        var commands = 0
        for piece in readme.components(separatedBy: "make ").dropFirst() {
            let target = piece.prefix { $0.isLetter || $0 == "-" }
            guard ["run", "test", "help", "build", "e2e", "vectors", "bench", "format", "lint"].contains(target)
            else { continue }
            commands += 1
            #expect(makefile.contains("\n\(target):"), "README says make \(target)")
        }
        #expect(commands > 1)
        #expect(Checkout.file(".ci/run")?.text.contains("exec make test\n") == true)
    }

    /// Targets of `[text](target)` outside code blocks.
    private static func linkTargets(_ text: String) -> [String] {
        var targets: [String] = []
        var inCode = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("```") { inCode.toggle() }
            guard !inCode else { continue }
            for piece in line.components(separatedBy: "](").dropFirst() {
                targets.append(String(piece.prefix { $0 != ")" && $0 != " " }))
            }
        }
        return targets
    }

    /// The anchors that a viewer makes of headings: lower case, blanks as dashes, no other punctuation.
    private static func headings(_ text: String) -> Set<String> {
        var anchors: Set<String> = []
        for line in text.split(separator: "\n") where line.hasPrefix("#") {
            let title = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
            anchors.insert(
                String(
                    title.compactMap {
                        $0 == " " ? "-" : $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" ? $0 : nil
                    }))
        }
        return anchors
    }

    private static func resolve(_ target: String, from document: String) -> String {
        var components = document.split(separator: "/").dropLast().map(String.init)
        for component in target.split(separator: "/") {
            switch component {
            case ".": continue
            case "..": if !components.isEmpty { components.removeLast() }
            default: components.append(String(component))
            }
        }
        return components.joined(separator: "/")
    }
}
