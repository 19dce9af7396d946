/// Finds the rules whose filters match a metric without trying every one.
///
/// Rules that ask for one exact metric name stand in a table by that name; only the others are tried one by one.
struct RuleIndex: Sendable {
    private let filters: [TagsFilter]
    private let byName: [[UInt8]: [Int]]
    private let others: [Int]

    init(_ filters: [TagsFilter]) {
        self.filters = filters
        var byName: [[UInt8]: [Int]] = [:]
        var others: [Int] = []
        for (index, filter) in filters.enumerated() {
            if filter.op == .conjunction, let name = filter.nameFilter?.exactValue {
                byName[name, default: []].append(index)
            } else {
                others.append(index)
            }
        }
        self.byName = byName
        self.others = others
    }

    /// The indices of the matching rules, ascending.
    func matches(_ view: TagList.View) -> [Int] {
        var found = others.filter { filters[$0].matches(view) }
        guard !byName.isEmpty, let name = view.metricName, let candidates = byName[Array(name)] else { return found }
        let exact = candidates.filter { filters[$0].matches(view) }
        if exact.isEmpty { return found }
        found += exact
        found.sort()
        return found
    }
}
