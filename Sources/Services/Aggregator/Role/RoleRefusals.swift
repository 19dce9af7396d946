import Logging
import NodeConfiguration

extension AggregatorRole {
    /// Everything for which a node would not start with a configuration that the reader of the files took, and that does
    /// not depend on the cluster. Each names its key and where that stands.
    public static func refusals(of loaded: LoadedAggregatorConfiguration) -> [Diagnostic] {
        RoleSettings.refusals(
            loaded.configuration, logger: Logger(label: "m3agg.config") { _ in SwiftLogNoOpLogHandler() }
        )
        .map { failure in
            var diagnostic = Diagnostic(
                severity: .error, file: "", line: 0, column: 0, field: "", value: nil, problem: "\(failure)",
                remedy: "")
            guard let key = failure.key else { return diagnostic }
            let known = loaded.values.first { $0.field == key } ?? loaded.values.first { $0.field.hasPrefix(key) }
            switch known?.origin {
            case .file(let file, let line, let column), .environment(_, let file, let line, let column):
                (diagnostic.file, diagnostic.line, diagnostic.column) = (file, line, column)
            case .standard, nil: break
            }
            return diagnostic
        }
    }
}

extension RoleFailure {
    /// The key of the configuration that it is about.
    var key: String? {
        switch self {
        case .unsupported(let key, _, _), .noPlacement(let key, _), .noCluster(let key, _), .tls(let key, _): key
        case .noTopic: nil
        }
    }
}
