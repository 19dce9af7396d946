import Metrics
import Query
import Storage

/// The series of a store, of all namespaces or of one.
public struct StorageSeriesSource: SeriesSource {
    private let store: TimeSeriesStore
    /// nil for all.
    private let namespace: Namespace?
    /// Set while the unaggregated namespace, which always counts as known, has no sample yet.
    private let isEmpty: Bool

    /// - Throws: ``Query/QueryError`` of kind `notFound` that lists the known namespaces, when the scope's is unknown.
    public init(store: TimeSeriesStore, scope: ReadScope) throws(QueryError) {
        self.store = store
        switch scope {
        case .all:
            namespace = nil
            isEmpty = false
        case .only(let wanted):
            let known = store.namespaces
            guard wanted == .unaggregated || known.contains(wanted) else {
                let names = known.map(\.description).sorted().joined(separator: ", ")
                throw QueryError(
                    .notFound,
                    "nothing is stored under storage policy \(wanted) yet; known namespaces: "
                        + (names.isEmpty ? "none" : names))
            }
            namespace = wanted
            isEmpty = !known.contains(wanted)
        }
    }

    public func select(
        matchers: [Query.LabelMatcher], in range: Query.TimeRange, limits: QueryLimits
    ) async throws -> [QuerySeries] {
        if isEmpty { return [] }
        let limit = ReadLimit(maxSeries: limits.maxSeries, maxSamples: limits.maxSamples)
        do {
            let matchers = try Self.matchers(matchers)
            let found =
                if let namespace {
                    try await store.select(
                        namespace: namespace, matchers: matchers, startMs: range.startMillis, endMs: range.endMillis,
                        limit: limit)
                } else {
                    try await store.selectUnion(
                        matchers: matchers, startMs: range.startMillis, endMs: range.endMillis, limit: limit)
                }
            return found.map { QuerySeries(labels: $0.labels, timestamps: $0.timestamps, values: $0.values) }
        } catch {
            throw Self.translated(error)
        }
    }

    public func series(
        selectors: [[Query.LabelMatcher]], in range: Query.TimeRange, limits: QueryLimits
    ) async throws -> [Labels] {
        if isEmpty { return [] }
        var found: Set<Labels> = []
        for matchers in selectors {
            do {
                let part = try await store.series(
                    namespace: namespace, matchers: try Self.matchers(matchers), startMs: range.startMillis,
                    endMs: range.endMillis, limit: limits.maxSeries)
                found.formUnion(part)
            } catch {
                throw Self.translated(error)
            }
            guard found.count <= limits.maxSeries else {
                throw Self.translated(.tooManySeries(limit: limits.maxSeries))
            }
        }
        return Array(found)
    }

    public func labelNames(
        selectors: [[Query.LabelMatcher]], in range: Query.TimeRange, limits: QueryLimits
    ) async throws -> [String] {
        try await union(selectors) { matchers throws(StorageError) in
            try await store.labelNames(
                namespace: namespace, matchers: matchers, startMs: range.startMillis, endMs: range.endMillis)
        }
    }

    public func labelValues(
        of name: String, selectors: [[Query.LabelMatcher]], in range: Query.TimeRange, limits: QueryLimits
    ) async throws -> [String] {
        try await union(selectors) { matchers throws(StorageError) in
            try await store.labelValues(
                name, namespace: namespace, matchers: matchers, startMs: range.startMillis, endMs: range.endMillis)
        }
    }

    private func union(
        _ selectors: [[Query.LabelMatcher]], _ read: ([Storage.LabelMatcher]) async throws(StorageError) -> [String]
    ) async throws -> [String] {
        if isEmpty { return [] }
        var found: Set<String> = []
        for matchers in selectors.isEmpty ? [[]] : selectors {
            do {
                found.formUnion(try await read(try Self.matchers(matchers)))
            } catch {
                throw Self.translated(error)
            }
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func matchers(
        _ matchers: [Query.LabelMatcher]
    ) throws(StorageError) -> [Storage.LabelMatcher] {
        try matchers.map { matcher throws(StorageError) in
            let kind: Storage.LabelMatcher.Kind =
                switch matcher.kind {
                case .equal: .equal
                case .notEqual: .notEqual
                case .regex: .regex
                case .notRegex: .notRegex
                }
            return try Storage.LabelMatcher(matcher.name, kind, matcher.value)
        }
    }

    static func translated(_ error: StorageError) -> QueryError {
        let kind: QueryError.Kind =
            switch error {
            case .busy, .closed: .unavailable
            case .cancelled: .timeout
            case .invalidMatcher, .invalidRange: .badData
            case .unknownNamespace: .notFound
            case .tooManySeries, .tooManySamples: .execution
            case .directoryInUse, .invalidOption, .unsupportedFormat, .database: .internal
            }
        return QueryError(kind, error.description)
    }
}
