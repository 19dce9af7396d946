import Metrics

/// Makes the id of a rollup output for a metric.
enum RollupMatch {
    private static let nameTag = Array("__name__".utf8)

    /// - Returns: encoded tags, or nil when the metric lacks a label to group by, or its labels make no valid id.
    ///
    /// A grouping label that sorts behind all labels of the metric is not missed: M3 stops looking when the metric's
    /// labels end. Source: `docs/rules.md`, Grouping.
    static func id(_ rollup: RollupStep, _ view: TagList.View, tags: [RuleTag]) -> [UInt8]? {
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        var next = 0
        for entry in 0..<view.count {
            switch rollup.kind {
            case .groupBy:
                guard next < rollup.labels.count else { break }
                let order = view.compareName(entry, rollup.labels[next])
                if order > 0 { return nil }
                if order == 0 {
                    pairs.append((rollup.labels[next], Array(view.value(entry))))
                    next += 1
                }
            case .excludeBy:
                if view.compareName(entry, nameTag) == 0 { continue }
                while next < rollup.labels.count, view.compareName(entry, rollup.labels[next]) > 0 { next += 1 }
                if next < rollup.labels.count, view.compareName(entry, rollup.labels[next]) == 0 { continue }
                pairs.append((Array(view.name(entry)), Array(view.value(entry))))
            }
        }
        for tag in tags { pairs.append((tag.name, tag.value)) }
        return try? RollupID.encoded(name: rollup.name.name(for: view.metricName), pairs: pairs)
    }
}
