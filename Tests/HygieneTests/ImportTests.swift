import Foundation
import Testing

/// A module imports only what stands above it in ``ModuleTable``, and of that only what its row names.
@Suite struct ImportTests {
    @Test func theTableOnlyPointsUpwards() {
        var above: Set<String> = []
        for row in ModuleTable.rows {
            #expect(row.ours.isSubset(of: above), "\(row.module) may import what stands below it")
            above.insert(row.module)
        }
    }

    @Test func modulesThatComputeKnowNoNetwork() {
        var computing = 0
        for row in ModuleTable.rows where !row.isNetworked {
            computing += 1
            let network = row.others.filter { $0.hasPrefix("NIO") || $0.hasPrefix("Hummingbird") }
            #expect(network.isEmpty, "\(row.module) may import \(network)")
        }
        #expect(computing > 10)
    }

    @Test func everyImportIsInTheTable() {
        let rows = Dictionary(uniqueKeysWithValues: ModuleTable.rows.map { ($0.folder, $0) })
        var imports = 0
        for file in Checkout.files
        where file.path.hasPrefix("Sources/") && file.path.hasSuffix(".swift") {
            let folder = String(file.path.split(separator: "/")[1])
            guard let row = rows[folder] else {
                Issue.record("\(file.path): the folder \(folder) is not in the table")
                continue
            }
            for (index, line) in file.lines.enumerated() {
                guard let name = Self.importedModule(line) else { continue }
                imports += 1
                let allowed =
                    row.ours.contains(name) || row.others.contains(name) || ModuleTable.system.contains(name)
                #expect(allowed, "\(file.path):\(index + 1): \(row.module) may not import \(name)")
                #expect(
                    !line.contains("@testable"), "\(file.path):\(index + 1): sources don't import for tests")
            }
        }
        #expect(imports > 100)
    }

    @Test func tableFoldersAndManifestNameTheSameModules() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: Checkout.root.appendingPathComponent("Sources").path)
        #expect(Set(folders.filter { !$0.hasPrefix(".") }) == Set(ModuleTable.rows.map(\.folder)))
        let manifest = try #require(Checkout.file("Package.swift")).text
        for row in ModuleTable.rows {
            #expect(manifest.contains("name: \"\(row.module)\""), "Package.swift has no target \(row.module)")
        }
    }

    /// What a row allows and nobody imports is a door left open.
    @Test func nothingIsAllowedThatIsNotImported() {
        for row in ModuleTable.rows where row.hasSwift {
            let files = Checkout.files.filter {
                $0.path.hasPrefix("Sources/\(row.folder)/") && $0.path.hasSuffix(".swift")
            }
            let imported = Set(files.flatMap { $0.lines.compactMap(Self.importedModule) })
            let unused = row.ours.union(row.others).subtracting(imported)
            #expect(unused.isEmpty, "\(row.module) imports none of \(unused.sorted())")
        }
    }

    @Test(arguments: [
        ("import Metrics", "Metrics"), ("    import Glibc", "Glibc"),
        ("public import NIOCore", "NIOCore"),
        ("@_exported import Rules", "Rules"), ("@preconcurrency import Yams // why", "Yams"),
        ("import struct Metrics.Labels", "Metrics"), ("private import func Glibc.getpid", "Glibc"),
        ("// import Metrics", nil), ("let important = 1", nil), ("importer.import Foo", nil),
    ]) func importLinesAreRead(line: String, module: String?) {
        #expect(Self.importedModule(line[...]) == module)
    }

    private static func importedModule(_ line: Substring) -> String? {
        let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        let kinds: Set<Substring> = [
            "typealias", "struct", "class", "enum", "protocol", "let", "var", "func",
        ]
        var words = line.split(separator: " ")[...]
        while let first = words.first, modifiers.contains(first) || first.hasPrefix("@") {
            words.removeFirst()
        }
        guard words.first == "import" else { return nil }
        words.removeFirst()
        if let first = words.first, kinds.contains(first), words.count > 1 { words.removeFirst() }
        return words.first?.split(separator: ".").first.map(String.init)
    }
}
