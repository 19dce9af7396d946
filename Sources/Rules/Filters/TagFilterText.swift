/// A filter text cut into its `name:pattern` pairs: `__name__:http_* app:{api,web}`.
///
/// Source: `docs/rules.md`, Filters.
public enum TagFilterText {
    public struct Pair: Sendable, Equatable {
        public var name: String
        public var pattern: String
    }

    /// The pairs in the order in which they stand; none for an empty text, which matches everything.
    /// - Throws: ``FilterError`` for a part that is no pair, an empty name or pattern, a name that stands twice.
    public static func pairs(_ text: String) throws(FilterError) -> [Pair] {
        var pairs: [Pair] = []
        for part in text.utf8.split(separator: UInt8(ascii: " ")) {
            let trimmed = trim(Substring(part))
            if trimmed.isEmpty { continue }
            let items = trimmed.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
                .map { Substring($0) }
            guard items.count == 2 else { throw .notAPair(String(trimmed)) }
            if items[0].isEmpty { throw .emptyTagName(String(trimmed)) }
            if items[1].isEmpty { throw .emptyPattern(String(trimmed)) }
            let name = String(items[0])
            if pairs.contains(where: { $0.name == name }) { throw .duplicateTag(name, filter: text) }
            pairs.append(Pair(name: name, pattern: String(items[1])))
        }
        return pairs
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let first = text.unicodeScalars.first, first.properties.isWhitespace { text.unicodeScalars.removeFirst() }
        while let last = text.unicodeScalars.last, last.properties.isWhitespace { text.unicodeScalars.removeLast() }
        return text
    }
}
