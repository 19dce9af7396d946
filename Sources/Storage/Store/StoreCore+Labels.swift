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
        let names = try stateLock.read { () throws(StorageError) -> [[UInt8]] in
            let series = try universe(namespace, range)
            registry.index.filter(series, matchers)
            return registry.index.names.compactMap { name, values in
                values.contains { $0.value.intersects(series) } ? name : nil
            }
        }
        return names.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    func labelValues(
        _ name: String, _ namespace: Namespace?, _ matchers: [LabelMatcher], _ range: TimeRange
    ) throws(StorageError) -> [String] {
        let values = try stateLock.read { () throws(StorageError) -> [[UInt8]] in
            let series = try universe(namespace, range)
            registry.index.filter(series, matchers)
            return (registry.index.names[Array(name.utf8)] ?? [:]).compactMap { value, posting in
                !value.isEmpty && posting.intersects(series) ? value : nil
            }
        }
        return values.map { String(decoding: $0, as: UTF8.self) }.sorted()
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

/// The order in which Prometheus lists series: label by label, name before value.
enum LabelOrder {
    static func precedes(_ a: Labels, _ b: Labels) -> Bool {
        a.encoded.withUnsafeBytes { a in
            b.encoded.withUnsafeBytes { b in
                guard var left = try? EncodedTags.Iterator(a), var right = try? EncodedTags.Iterator(b) else {
                    return false
                }
                while true {
                    guard let second = try? right.next() else { return false }
                    guard let first = try? left.next() else { return true }
                    if !a[first.name].elementsEqual(b[second.name]) {
                        return a[first.name].lexicographicallyPrecedes(b[second.name])
                    }
                    if !a[first.value].elementsEqual(b[second.value]) {
                        return a[first.value].lexicographicallyPrecedes(b[second.value])
                    }
                }
            }
        }
    }
}
