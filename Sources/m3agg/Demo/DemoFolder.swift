import ArgumentParser
import FoundationEssentials

/// The folders that a demo needs and that its user does not name.
struct DemoFolder {
    let path: String

    /// A new temporary folder for the data.
    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "m3agg-demo-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The rules that come with m3agg: `rules` here, or beside one of the folders above the executable.
    static func findRules() throws -> String {
        let manager = FileManager.default
        var candidates = ["rules"]
        if let executable = try? manager.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            var folder = URL(filePath: executable).deletingLastPathComponent()
            for _ in 0..<5 {
                candidates.append(folder.appending(path: "rules").path)
                folder = folder.deletingLastPathComponent()
            }
        }
        guard let found = candidates.first(where: { manager.fileExists(atPath: "\($0)/demo.yaml") }) else {
            throw ValidationError("--demo found no rules/demo.yaml here; name its folder with --rules")
        }
        return found
    }
}
