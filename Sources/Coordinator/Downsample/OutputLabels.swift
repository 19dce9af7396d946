import Metrics
import Rules

/// A metric's labels in the order of its id on the wire, on the way to an id.
struct OutputLabels {
    private static let nameTag = Array("__name__".utf8)
    private static let internalPrefix = Array("__m3".utf8)
    private static let graphitePrefix = Array("__g".utf8)

    var pairs: [(name: [UInt8], value: [UInt8])]

    /// The labels with the ones that a mapping rule adds.
    ///
    /// Rule labels beginning with `__m3` say what to add: `__m3_graphite_prefix__` path components in front,
    /// `__m3_graphite_aggregation__` the aggregation as the last component, `__m3_prom_summary__` the quantile as a
    /// label. Source: `docs/rules.md`, Labels that rules add.
    func adding(_ tags: [RuleTag], aggregation: AggregationType?) -> OutputLabels {
        if tags.isEmpty { return self }
        var out: [(name: [UInt8], value: [UInt8])] = []
        let prefix = tags.last { $0.name == Array("__m3_graphite_prefix__".utf8) }
        let components = prefix?.value.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) ?? []
        for (index, component) in components.enumerated() { out.append((Self.graphiteName(index), Array(component))) }
        for pair in pairs {
            let index = components.isEmpty ? nil : Self.graphiteIndex(pair.name)
            out.append((index.map { Self.graphiteName($0 + components.count) } ?? pair.name, pair.value))
        }
        for tag in tags {
            if !tag.name.starts(with: Self.internalPrefix) {
                if !tag.value.isEmpty { out.append((tag.name, tag.value)) }
            } else if tag.name == Array("__m3_graphite_aggregation__".utf8), let aggregation {
                let index = out.count { $0.name.starts(with: Self.graphitePrefix) }
                out.append((Self.graphiteName(index), Array(aggregation.suffix.utf8)))
            } else if tag.name == Array("__m3_prom_summary__".utf8), let quantile = aggregation?.quantile,
                aggregation != .median
            {
                out.append((Array("quantile".utf8), Array("\(quantile)".utf8)))
            }
        }
        return OutputLabels(pairs: out)
    }

    /// The labels with some text behind the metric name.
    func suffixingName(_ suffix: String) -> OutputLabels {
        OutputLabels(
            pairs: pairs.map { $0.name == Self.nameTag ? ($0.name, $0.value + Array(suffix.utf8)) : $0 })
    }

    /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` when a suffix or a rule's label made them too long.
    func encoded() throws(MetricsError) -> [UInt8] {
        var builder = EncodedTags.Builder()
        for pair in pairs { try builder.append(name: pair.name, value: pair.value) }
        return builder.bytes
    }

    private static func graphiteName(_ index: Int) -> [UInt8] { Array("__g\(index)__".utf8) }

    private static func graphiteIndex(_ name: [UInt8]) -> Int? {
        guard name.starts(with: graphitePrefix), name.suffix(2) == [0x5f, 0x5f], name.count >= 6 else { return nil }
        guard let index = Int(String(decoding: name[3..<(name.count - 2)], as: UTF8.self)), index >= 0, index < 65_536
        else { return nil }
        return index
    }
}
