/// A storage policy and the aggregation types to compute at it, as rules name them: `10s:2d|Sum,P99`.
///
/// Source: `docs/storage-policies.md`.
public struct Policy: Sendable, Hashable {
    public var storagePolicy: StoragePolicy
    /// ``AggregationID/default`` when the text names no types.
    public var aggregationID: AggregationID

    public init(storagePolicy: StoragePolicy, aggregationID: AggregationID = .default) {
        self.storagePolicy = storagePolicy
        self.aggregationID = aggregationID
    }

    /// Reads `STORAGE_POLICY[|TYPE[,TYPE…]]`.
    /// - Throws: ``MetricsError/invalidStoragePolicy(_:reason:)``, ``MetricsError/invalidAggregationType(_:)``
    public init(parsing text: String) throws(MetricsError) {
        let parts = text.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        storagePolicy = try StoragePolicy(parsing: parts[0])
        aggregationID =
            parts.count == 2 ? AggregationID(try AggregationType.list(parsing: parts[1])) : .default
    }
}

extension Policy: CustomStringConvertible {
    /// Canonical text; types in ascending order of their numbers. Bits that stand for no type are left out.
    public var description: String {
        if aggregationID.isDefault { return storagePolicy.description }
        let names = AggregationType.allCases.filter(aggregationID.contains).map(\.name)
        return storagePolicy.description + "|" + names.joined(separator: ",")
    }
}
