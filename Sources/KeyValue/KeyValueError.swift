/// Why an operation on a key-value store failed.
public enum KeyValueError: Error, Equatable, Sendable, CustomStringConvertible {
    case notFound(key: String)
    case alreadyExists(key: String)
    /// `actual` is 0 when the key is absent.
    case versionMismatch(key: String, expected: Int64, actual: Int64)
    /// The guarding key is gone or was created anew; nothing was written.
    case fenced(key: String, guard: String)
    /// The store understood the operation and declined it, with no effect: wrong credentials, no permission, a quota.
    case refused(String)
    case invalidKey(key: String, reason: String)
    case valueTooLarge(key: String, bytes: Int, limit: Int)
    /// The store as a whole is at a limit of its own; what it holds can still be read and deleted.
    case storeFull(what: String, limit: Int)
    /// Another process holds the directory.
    case locked(directory: String)
    /// The file holds a damaged record with good ones behind it.
    case corrupted(path: String, offset: Int, reason: String)
    /// The store can't be reached or written now; whether the operation took effect is unknown.
    case unavailable(String)
    case closed

    public var description: String {
        switch self {
        case .notFound(let key): "key not found: \(key)"
        case .alreadyExists(let key): "key already has a value: \(key)"
        case .versionMismatch(let key, let expected, let actual):
            "key is not at the specified version: \(key) has version \(actual), expected \(expected)"
        case .fenced(let key, let guardingKey):
            "\(key) was not written: \(guardingKey) is gone or belongs to someone else now"
        case .refused(let reason): "key-value store refused: \(reason)"
        case .invalidKey(let key, let reason): "invalid key '\(key)': \(reason)"
        case .valueTooLarge(let key, let bytes, let limit): "value of \(key) has \(bytes) bytes, the limit is \(limit)"
        case .storeFull(let what, let limit): "key-value store is full: \(what) would pass \(limit); delete keys first"
        case .locked(let directory):
            "\(directory) is in use by another process; stop it or choose another data directory"
        case .corrupted(let path, let offset, let reason):
            "\(path) is corrupted at byte \(offset): \(reason); restore the file from a copy or remove it"
        case .unavailable(let reason): "key-value store is unavailable: \(reason)"
        case .closed: "key-value store is closed"
        }
    }
}
