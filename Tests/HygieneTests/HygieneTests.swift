import Foundation
import Testing

/// Rules of the codebase that no compiler checks.
@Suite struct HygieneTests {
    /// The modules from the ground up: each may import those before it. Those marked so never import NIO.
    static let modules: [(name: String, mayImportNIO: Bool)] = [
        ("CSnappy", false), ("CProtobufC", false), ("CRocksDB", false), ("CRoaring", false), ("CZstd", false),
        ("CM3Protocol", false), ("ControlProtocol", false), ("Metrics", false), ("Telemetry", false),
        ("RegularExpressions", false),
        ("Aggregation", false), ("WireFormat", false), ("KeyValue", false), ("Cluster", false),
        ("EtcdProtocol", false), ("Etcd", true), ("Transport", true),
        ("MessageQueue", true), ("Rules", false), ("Aggregator", false), ("Configuration", false), ("Storage", false),
        ("Query", false),
        ("Coordinator", false), ("Services", true), ("m3agg", true),
    ]

    @Test func everyModuleIsInTheTable() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: Repository.root.appendingPathComponent("Sources").path
        ).filter { !$0.hasPrefix(".") }
        #expect(Set(folders) == Set(Self.modules.map(\.name)))
    }

    @Test func modulesImportOnlyWhatStandsAboveThem() throws {
        let order = Dictionary(uniqueKeysWithValues: Self.modules.enumerated().map { ($1.name, $0) })
        var imports = 0
        for (position, module) in Self.modules.enumerated() {
            for file in try Repository.files(under: ["Sources/\(module.name)"], extensions: ["swift"]) {
                for name in file.lines.compactMap(Self.importedModule) {
                    imports += 1
                    if let other = order[name] {
                        #expect(other < position, "\(file.path) imports \(name), which stands below \(module.name)")
                    }
                    if name.hasPrefix("NIO") || name.hasPrefix("Hummingbird") {
                        #expect(module.mayImportNIO, "\(file.path) imports \(name)")
                    }
                }
            }
        }
        #expect(imports > 200)
    }

    private static func importedModule(_ line: Substring) -> String? {
        let words = line.split(separator: " ")
        guard let position = words.firstIndex(of: "import"), position <= 2, position + 1 < words.count,
            words[..<position].allSatisfy({ $0.hasPrefix("@") || ["public", "internal", "private"].contains($0) })
        else { return nil }
        return String(words[position + 1].prefix { $0 != "." })
    }

    @Test func sourceFilesAreShort() throws {
        let files = try Repository.files(under: ["Sources", "Benchmarks"], extensions: ["swift"])
            .filter { !$0.path.hasSuffix(".pb.swift") }
        #expect(files.count > 150)
        for file in files { #expect(file.lines.count <= 500, "\(file.path) has \(file.lines.count) lines") }
    }

    @Test func nothingIsLeftUnfinishedOrForced() throws {
        // In pieces, so that this file does not find itself.
        let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        let forced = ["tr" + "y!", " a" + "s! "]
        for file in try Repository.files(under: ["Sources", "Benchmarks", "Tests"], extensions: ["swift"]) {
            if file.path.hasSuffix(".pb.swift") { continue }
            for word in unfinished {
                #expect(
                    file.text.range(of: "\\b\(word)\\b", options: .regularExpression) == nil, "\(file.path): \(word)")
            }
            guard file.path.hasPrefix("Sources/") else { continue }
            for word in forced { #expect(!file.text.contains(word), "\(file.path): \(word)") }
        }
    }

    @Test func noPathsOfAMachine() throws {
        let paths = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
        let folders = ["Sources", "Tests/TestKit", "Benchmarks", "docs", "rules", "scripts", ".ci"]
        var files = try Repository.files(
            under: folders, extensions: ["swift", "md", "yaml", "sh", "proto", "h", "c", "modulemap"])
        files += try ["README.md", "CHANGELOG.md", "Makefile", "Package.swift"].map { try Repository.file($0) }
        for file in files {
            for path in paths { #expect(!file.text.contains(path), "\(file.path): \(path)") }
        }
    }

    @Test func linksOfTheDocumentationLeadSomewhere() throws {
        var files = try Repository.files(under: ["docs"], extensions: ["md"])
        files += try ["README.md", "CHANGELOG.md"].map { try Repository.file($0) }
        let link = try NSRegularExpression(pattern: "\\]\\(([^)#]+)(#[^)]*)?\\)")
        var links = 0
        for file in files {
            let text = file.text as NSString
            for match in link.matches(in: file.text, range: NSRange(location: 0, length: text.length)) {
                let target = text.substring(with: match.range(at: 1))
                if target.contains("://") { continue }
                links += 1
                let folder = (file.path as NSString).deletingLastPathComponent
                #expect(Repository.exists(folder.isEmpty ? target : "\(folder)/\(target)"), "\(file.path): \(target)")
            }
        }
        #expect(links >= 10)
    }

    /// Docstrings name their source as a page of `docs/`.
    @Test func pagesThatDocstringsNameExist() throws {
        let page = try NSRegularExpression(pattern: "`(docs/[a-z0-9-]+\\.md)`")
        for file in try Repository.files(under: ["Sources"], extensions: ["swift"]) {
            let text = file.text as NSString
            for match in page.matches(in: file.text, range: NSRange(location: 0, length: text.length)) {
                let target = text.substring(with: match.range(at: 1))
                #expect(Repository.exists(target), "\(file.path): \(target)")
            }
        }
    }
}
