import Foundation

/// The files of this checkout.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct File {
        /// From the root, such as `Sources/Metrics/Labels.swift`.
        var path: String
        var text: String
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    }

    /// Text files under some folders (or the folders' own files) with one of these extensions, in order of their paths.
    /// Symbolic links and build folders are not entered.
    static func files(under folders: [String], extensions: [String]) throws -> [File] {
        var files: [File] = []
        for folder in folders {
            let start = root.appendingPathComponent(folder)
            let walk = FileManager.default.enumerator(
                at: start, includingPropertiesForKeys: [.isSymbolicLinkKey, .isDirectoryKey])
            while let url = walk?.nextObject() as? URL {
                let values = try url.resourceValues(forKeys: [.isSymbolicLinkKey, .isDirectoryKey])
                if values.isSymbolicLink == true || url.lastPathComponent.hasPrefix(".build") {
                    walk?.skipDescendants()
                    continue
                }
                guard values.isDirectory != true, extensions.contains(url.pathExtension) else { continue }
                files.append(try file(String(url.path.dropFirst(root.path.count + 1))))
            }
        }
        return files.sorted { $0.path < $1.path }
    }

    static func file(_ path: String) throws -> File {
        File(path: path, text: try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8))
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }
}
