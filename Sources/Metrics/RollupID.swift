/// Ids of rollup outputs as M3's coordinator makes them: encoded tags with `__rollup__="true"`.
///
/// Source: `docs/ids-and-tags.md`.
public enum RollupID {
    private static let nameTag = Array("__name__".utf8)
    private static let rollupTag = Array("__rollup__".utf8)
    private static let rollupValue = Array("true".utf8)
    private static let internalPrefix = Array("__m3".utf8)

    /// The encoded tags of a rollup output.
    ///
    /// The pairs, less those whose names begin with `__m3`, are merged with the new name and the rollup mark by name;
    /// a pair wins over a merged tag of its name. The pairs are taken as they come: pairs that are out of order leave
    /// the id out of order, as in M3.
    /// - Parameters:
    ///   - name: the new metric name; may be empty.
    ///   - pairs: the tags to keep, ascending by name.
    /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` for an empty or too long name, a too long value.
    public static func encoded(
        name: [UInt8], pairs: [(name: [UInt8], value: [UInt8])]
    ) throws(MetricsError) -> [UInt8] {
        let merged = [(name: nameTag, value: name), (name: rollupTag, value: rollupValue)]
        var next = 0
        var builder = EncodedTags.Builder()
        for pair in pairs where !pair.name.starts(with: internalPrefix) {
            while next < merged.count, merged[next].name.lexicographicallyPrecedes(pair.name) {
                try builder.append(name: merged[next].name, value: merged[next].value)
                next += 1
            }
            if next < merged.count, merged[next].name == pair.name { next += 1 }
            try builder.append(name: pair.name, value: pair.value)
        }
        for tag in merged[next...] { try builder.append(name: tag.name, value: tag.value) }
        return builder.bytes
    }
}
