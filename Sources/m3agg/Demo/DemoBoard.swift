import Metrics

/// The newest values of the aggregated series, as the lines of a table. Pure: fed with what storage accepted.
struct DemoBoard {
    private struct Row {
        var name: String
        var labels: String
        var policy: String
        var timeMs: Int64
        var values: [Double]
    }

    /// The most series kept, the first ones seen: a board is for looking, not for everything.
    static let maxSeries = 32
    /// The most values kept per series, the length of the longest sparkline.
    static let maxValues = 24

    private var rows: [Labels: Row] = [:]
    private(set) var windows = 0

    mutating func record(labels: Labels, policy: StoragePolicy, timeMs: Int64, value: Double) {
        windows += 1
        if rows[labels] == nil {
            guard rows.count < Self.maxSeries else { return }
            let pairs = labels.pairs.filter { $0.name != "__name__" && $0.name != "__rollup__" }
            rows[labels] = Row(
                name: labels["__name__"] ?? "", labels: pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " "),
                policy: policy.description, timeMs: timeMs, values: [])
        }
        rows[labels]?.timeMs = timeMs
        rows[labels]?.values.append(value)
        if let count = rows[labels]?.values.count, count > Self.maxValues { rows[labels]?.values.removeFirst() }
    }

    var isEmpty: Bool { rows.isEmpty }

    /// The table, sorted by name and labels.
    func lines() -> [String] {
        var table = TextTable([
            ("METRIC", .left), ("LABELS", .left), ("POLICY", .left), ("WINDOW END", .left), ("VALUE", .right),
            ("HISTORY", .left),
        ])
        for row in rows.values.sorted(by: { ($0.name, $0.labels) < ($1.name, $1.labels) }) {
            table.add([
                row.name, row.labels, row.policy, NumberText.timeOfDay(milliseconds: row.timeMs),
                NumberText.short(row.values.last ?? .nan), Sparkline.render(row.values, width: Self.maxValues),
            ])
        }
        return table.lines()
    }

    /// One series as a plain line, for output that is no terminal.
    static func plainLine(labels: Labels, policy: StoragePolicy, timeMs: Int64, value: Double) -> String {
        let pairs = labels.pairs.filter { $0.name != "__name__" && $0.name != "__rollup__" }
        let text = pairs.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
        return "\(NumberText.timeOfDay(milliseconds: timeMs)) \(labels["__name__"] ?? ""){\(text)} "
            + "\(policy) \(NumberText.short(value))"
    }
}
