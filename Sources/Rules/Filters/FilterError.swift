/// Why a filter text or pattern is refused. The texts name the offending part and what would be right.
public enum FilterError: Error, Equatable, Sendable, CustomStringConvertible {
    case invalidPattern(String, reason: String)
    /// A part of a filter that is not one `name:pattern`.
    case notAPair(String)
    case emptyTagName(String)
    case emptyPattern(String)
    case duplicateTag(String, filter: String)
    case tooLong(bytes: Int)

    public var description: String {
        switch self {
        case .invalidPattern(let pattern, let reason):
            "invalid pattern '\(pattern)': \(reason)"
        case .notAPair(let part):
            "'\(part)' is not one name:pattern pair; separate pairs with spaces and write one colon in each"
        case .emptyTagName(let part):
            "'\(part)' has no label name before the colon"
        case .emptyPattern(let part):
            "'\(part)' has no pattern behind the colon; write '*' for any value"
        case .duplicateTag(let name, let filter):
            "label '\(name)' stands twice in filter '\(filter)'; each label may have one pattern"
        case .tooLong(let bytes):
            "the filter has \(bytes) bytes; at most \(TagsFilter.maxTextBytes) are read"
        }
    }
}
