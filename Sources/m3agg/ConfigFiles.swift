import FoundationEssentials
import NodeConfiguration

/// The files that the commands below `m3agg config` read, and what they say about them.
enum ConfigFiles {
    /// The variables of this process, which files may refer to.
    static func environment() -> [String: String] { ProcessInfo.processInfo.environment }

    /// 2 when a file could not be read at all, 1 for any other error, 0 for none.
    static func exitCode(_ diagnostics: [Diagnostic]) -> Int32 {
        if diagnostics.contains(where: \.isUnreadableFile) { return 2 }
        return diagnostics.contains { $0.severity == .error } ? 1 : 0
    }

    /// `2 errors, 1 warning, 14 keys without effect`.
    static func summary(_ diagnostics: [Diagnostic]) -> String {
        func count(_ severity: Diagnostic.Severity, _ one: String, _ many: String) -> String {
            let number = diagnostics.count { $0.severity == severity }
            return "\(number) \(number == 1 ? one : many)"
        }
        return [
            count(.error, "error", "errors"), count(.warning, "warning", "warnings"),
            count(.ignored, "key without effect", "keys without effect"),
        ].joined(separator: ", ")
    }
}
