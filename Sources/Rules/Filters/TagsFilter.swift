/// A compiled filter over a metric's name and labels.
///
/// A label that the metric lacks never matches, not even a negated pattern. Source: `docs/rules.md`, Filters.
public struct TagsFilter: Sendable {
    public enum Operator: Sendable { case conjunction, disjunction }

    /// The longest filter text that is read.
    public static let maxTextBytes = 65_536

    struct Tag: Sendable {
        let name: [UInt8]
        let filter: ValueFilter
    }

    let nameFilter: ValueFilter?
    /// Ascending by name.
    let tags: [Tag]
    let op: Operator

    /// - Parameters:
    ///   - text: `name:pattern` pairs with spaces between them; empty matches every metric.
    ///   - nameTag: the label that stands for the metric name.
    /// - Throws: ``FilterError``
    public init(
        _ text: String, nameTag: String = "__name__", op: Operator = .conjunction
    ) throws(FilterError) {
        guard text.utf8.count <= Self.maxTextBytes else { throw .tooLong(bytes: text.utf8.count) }
        var nameFilter: ValueFilter?
        var tags: [Tag] = []
        for pair in try TagFilterText.pairs(text) {
            let filter = try ValueFilter(pair.pattern)
            if pair.name == nameTag {
                nameFilter = filter
            } else {
                tags.append(Tag(name: Array(pair.name.utf8), filter: filter))
            }
        }
        self.nameFilter = nameFilter
        self.tags = tags.sorted { $0.name.lexicographicallyPrecedes($1.name) }
        self.op = op
    }

    /// - Parameter list: sorted, with its metric name set unless the metric has none.
    public func matches(_ list: TagList) -> Bool { list.withView { matches($0) } }

    func matches(_ view: TagList.View) -> Bool {
        if nameFilter == nil && tags.isEmpty { return true }
        guard let name = view.metricName else { return false }
        if let nameFilter {
            let fits = nameFilter.matches(name)
            if fits && op == .disjunction { return true }
            if !fits && op == .conjunction { return false }
        }
        return op == .conjunction ? matchesAll(view) : matchesAny(view)
    }

    private func matchesAll(_ view: TagList.View) -> Bool {
        var next = 0
        for entry in 0..<view.count {
            if next == tags.count { return true }
            let order = view.compareName(entry, tags[next].name)
            if order < 0 { continue }
            if order > 0 { return false }
            guard tags[next].filter.matches(view.value(entry)) else { return false }
            next &+= 1
        }
        return next == tags.count
    }

    private func matchesAny(_ view: TagList.View) -> Bool {
        var next = 0
        for entry in 0..<view.count {
            while next < tags.count, view.compareName(entry, tags[next].name) > 0 { next &+= 1 }
            if next == tags.count { return false }
            if view.compareName(entry, tags[next].name) < 0 { continue }
            if tags[next].filter.matches(view.value(entry)) { return true }
            next &+= 1
        }
        return false
    }
}
