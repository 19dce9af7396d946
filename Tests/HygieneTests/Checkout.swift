import Foundation

/// The files of this checkout, as the hygiene tests see them.
enum Checkout {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct File {
        /// Relative to the root.
        var path: String
        var text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        /// Written by protoc or protoc-c.
        var isGenerated: Bool { [".pb.swift", ".pb-c.c", ".pb-c.h"].contains { path.hasSuffix($0) } }
    }

    /// All text files of our own, neither captured fixtures nor builds.
    static let files: [File] = {
        var files: [File] = []
        for top in [
            "Sources", "Tests", "Benchmarks", "scripts", "rules", "docs", ".ci", "Package.swift",
            "Makefile", "README.md",
            "CHANGELOG.md",
        ] { collect(top, into: &files) }
        return files.sorted { $0.path < $1.path }
    }()

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    static func file(_ path: String) -> File? { files.first { $0.path == path } }

    private static func collect(_ path: String, into files: inout [File]) {
        let url = root.appendingPathComponent(path)
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else {
            return
        }
        if isDirectory.boolValue {
            guard path != "Tests/Fixtures", !(path as NSString).lastPathComponent.hasPrefix(".build") else { return }
            for name in (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? [] {
                collect("\(path)/\(name)", into: &files)
            }
        } else if let text = try? String(contentsOf: url, encoding: .utf8) {
            files.append(File(path: path, text: text))
        }
    }
}
