import Metrics

/// Reading labels: which series, names and values there are in a range of time.
extension StoreCore {
    /// - Parameter namespace: nil for all of them.
    func series(
        _ namespace: Namespace?, _ matchers: [LabelMatcher], _ range: TimeRange, limit: Int
    ) throws(StorageError) -> [Labels] {
        let labels = try stateLock.read { () throws(StorageError) -> [Labels] in
            let series = try universe(namespace, range)
            registry.index.filter(series, matchers)
            guard series.count <= limit else { throw .tooManySeries(limit: limit) }
            return series.ids.compactMap { id in
                registry.labels(id).map { Labels(canonicalBytes: Array($0)) }
            }
        }
        return labels.sorted(by: LabelOrder.precedes)
    }

    func labelNames(
        _ namespace: Namespace?, _ matchers: [LabelMatcher], _ range: TimeRange
    ) throws(StorageError) -> [String] {
        let names = try stateLock.read { () throws(StorageError) -> [IndexKey] in
            let series = try universe(namespace, range)
            registry.index.filter(series, matchers)
            return registry.index.names.compactMap { name, values in
                values.postings.contains { $0.value.intersects(series) } ? name : nil
            }
        }
        return names.map(\.text).sorted()
    }

    func labelValues(
        _ name: String, _ namespace: Namespace?, _ matchers: [LabelMatcher], _ range: TimeRange
    ) throws(StorageError) -> [String] {
        let values = try stateLock.read { () throws(StorageError) -> [IndexKey] in
            let series = try universe(namespace, range)
            registry.index.filter(series, matchers)
            return registry.index.postings(of: name).compactMap { value, posting in
                !value.bytes.isEmpty && posting.intersects(series) ? value : nil
            }
        }
        return values.map(\.text).sorted()
    }

    private func universe(_ namespace: Namespace?, _ range: TimeRange) throws(StorageError) -> SeriesBitmap {
        if let namespace {
            guard let index = namespaceIndexes[namespace] else { throw .unknownNamespace(namespace.description) }
            return namespaces[index].series(in: range)
        }
        let series = SeriesBitmap()
        for state in namespaces { series.formUnion(state.series(in: range)) }
        return series
    }
}
