/// M3's older text form of ids, `m3+NAME+tag1=value1,tag2=value2`, with tags sorted by name.
///
/// Source: `docs/ids-and-tags.md`.
public struct M3ID: Sendable, Hashable {
    /// One tag of an id.
    public struct Tag: Sendable, Hashable {
        public var name: [UInt8]
        public var value: [UInt8]

        public init(name: [UInt8], value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    static let rollupTag = Tag(name: Array("m3_rollup".utf8), value: Array("true".utf8))

    public let name: [UInt8]
    /// What stands behind the second `+`, not yet cut into tags.
    public let tagText: [UInt8]

    /// Cuts an id at its first two `+`. What stands before the first one is not looked at, as in M3.
    /// - Throws: ``MetricsError/invalidM3ID(_:)`` when there are fewer than two.
    public init(parsing id: [UInt8]) throws(MetricsError) {
        let parts = id.split(
            separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw Self.invalid(id) }
        name = Array(parts[1])
        tagText = Array(parts[2])
    }

    /// The tags in the order in which they stand.
    /// - Throws: ``MetricsError/invalidM3ID(_:)`` at a tag without `=`; ``wellFormedTags`` gives those before it.
    public func tags() throws(MetricsError) -> [Tag] {
        let (tags, isWellFormed) = scan()
        guard isWellFormed else { throw Self.invalid(tagText) }
        return tags
    }

    /// The tags before the first one that is malformed.
    public var wellFormedTags: [Tag] { scan().tags }

    /// Whether the id is a rollup output: it holds the tag `m3_rollup=true`.
    public var isRollup: Bool { wellFormedTags.contains(Self.rollupTag) }

    private func scan() -> (tags: [Tag], isWellFormed: Bool) {
        var tags: [Tag] = []
        var rest = tagText[...]
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return (tags, false) }
            let value = rest[(equals + 1)...].prefix { $0 != UInt8(ascii: ",") }
            tags.append(Tag(name: Array(rest[..<equals]), value: Array(value)))
            rest = rest[value.endIndex...].dropFirst()
        }
        return (tags, true)
    }

    /// The id of a rollup output: the tags and `m3_rollup=true`, sorted by name.
    public static func rollup(name: [UInt8], tags: [Tag]) -> [UInt8] {
        let sorted = (tags + [rollupTag]).enumerated().sorted { a, b in
            if a.element.name == b.element.name { return a.offset < b.offset }
            return a.element.name.lexicographicallyPrecedes(b.element.name)
        }
        var id = Array("m3+".utf8) + name
        var separator = UInt8(ascii: "+")
        for (_, tag) in sorted {
            id.append(separator)
            id += tag.name
            id.append(UInt8(ascii: "="))
            id += tag.value
            separator = UInt8(ascii: ",")
        }
        return id
    }

    private static func invalid(_ bytes: [UInt8]) -> MetricsError {
        .invalidM3ID(String(decoding: bytes.prefix(200), as: UTF8.self))
    }
}
