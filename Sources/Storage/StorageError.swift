/// Why a write or a read as a whole could not be done. Single bad samples are counted in ``WriteOutcome`` instead.
public enum StorageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The write queue or the reader queue is full: try again later (HTTP 503), or withhold the acknowledgement.
    case busy(String)
    case closed
    /// Another process, or another store of this one, has the directory open.
    case directoryInUse(String)
    case invalidOption(name: String, value: String, fix: String)
    case invalidMatcher(name: String, pattern: String, reason: String)
    case invalidRange(startMs: Int64, endMs: Int64)
    case unknownNamespace(String)
    case tooManySeries(limit: Int)
    case tooManySamples(limit: Int)
    case unsupportedFormat(found: String, supported: String)
    /// The caller's task was cancelled while it waited for a read.
    case cancelled
    /// RocksDB or the file system failed.
    case database(operation: String, message: String)

    /// A stable name for counters.
    public var reason: String {
        switch self {
        case .busy: "busy"
        case .closed: "closed"
        case .directoryInUse: "directory_in_use"
        case .invalidOption: "invalid_option"
        case .invalidMatcher: "invalid_matcher"
        case .invalidRange: "invalid_range"
        case .unknownNamespace: "unknown_namespace"
        case .tooManySeries: "too_many_series"
        case .tooManySamples: "too_many_samples"
        case .unsupportedFormat: "unsupported_format"
        case .cancelled: "cancelled"
        case .database: "database"
        }
    }

    public var description: String {
        switch self {
        case .busy(let what):
            "storage is busy: \(what); try again later"
        case .closed:
            "storage is closed"
        case .directoryInUse(let directory):
            "storage directory '\(directory)' is in use by another process; stop it, or choose another directory"
        case .invalidOption(let name, let value, let fix):
            "invalid storage option \(name) '\(value)': \(fix)"
        case .invalidMatcher(let name, let pattern, let reason):
            "invalid matcher on label '\(name)': pattern '\(pattern)': \(reason)"
        case .invalidRange(let startMs, let endMs):
            "invalid time range: start \(startMs) ms is after end \(endMs) ms"
        case .unknownNamespace(let name):
            "no namespace '\(name)': nothing was written under this storage policy yet"
        case .tooManySeries(let limit):
            "query matches more than \(limit) series; narrow the matchers or raise the series limit"
        case .tooManySamples(let limit):
            "query reads more than \(limit) samples; narrow the time range or the matchers, or raise the sample limit"
        case .unsupportedFormat(let found, let supported):
            "storage format \(found) is not supported: this program reads format \(supported)"
        case .cancelled:
            "the read was cancelled"
        case .database(let operation, let message):
            "storage failed to \(operation): \(message)"
        }
    }
}
