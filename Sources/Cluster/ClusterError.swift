import KeyValue

/// Why a value of the control plane can't be read, written or used.
public enum ClusterError: Error, Equatable, Sendable, CustomStringConvertible {
    case keyValue(KeyValueError)
    /// The bytes under a key are no value of the expected kind.
    case undecodable(what: String, reason: String)
    case unencodable(what: String, reason: String)
    case invalidTopic(String)
    case invalidPlacement(String)
    /// A change of a placement that can't be made; the text is M3's where M3 has one.
    case placementChange(String)
    case invalidEndpoint(endpoint: String, reason: String)
    /// A name that would become part of a key.
    case invalidName(field: String, name: String, reason: String)
    /// Another writer was faster each time.
    case contended(key: String, attempts: Int)

    public var description: String {
        switch self {
        case .keyValue(let error): error.description
        case .undecodable(let what, let reason): "can't decode \(what): \(reason)"
        case .unencodable(let what, let reason): "can't encode \(what): \(reason)"
        case .invalidTopic(let reason): "invalid topic: \(reason)"
        case .invalidPlacement(let reason): "invalid placement: \(reason)"
        case .placementChange(let reason): reason
        case .invalidEndpoint(let endpoint, let reason): "invalid endpoint '\(endpoint)': \(reason)"
        case .invalidName(let field, let name, let reason): "invalid \(field) '\(name)': \(reason)"
        case .contended(let key, let attempts):
            "\(key) was changed by someone else on each of \(attempts) attempts; try again"
        }
    }
}
