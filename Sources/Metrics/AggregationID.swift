/// A set of aggregation types as one word: bit n stands for the type with number n, 0 for "the default types".
///
/// Source: `docs/aggregations.md`.
public struct AggregationID: Sendable, Hashable {
    public var rawValue: UInt64

    public static let `default` = AggregationID(rawValue: 0)

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

    public init(_ types: some Sequence<AggregationType>) {
        rawValue = types.reduce(0) { $0 | (1 << UInt64($1.rawValue)) }
    }

    @inlinable public var isDefault: Bool { rawValue == 0 }

    @inlinable public func contains(_ type: AggregationType) -> Bool {
        rawValue & (1 << UInt64(type.rawValue)) != 0
    }

    /// The types in ascending order of their numbers, which is the order of output.
    /// - Throws: ``MetricsError/invalidAggregationID(_:)`` when a bit stands for no type.
    public func types() throws(MetricsError) -> [AggregationType] {
        var types: [AggregationType] = []
        var rest = rawValue
        while rest != 0 {
            let bit = UInt8(rest.trailingZeroBitCount)
            guard let type = AggregationType(rawValue: bit) else { throw .invalidAggregationID(rawValue) }
            types.append(type)
            rest &= rest - 1
        }
        return types
    }

    /// The types that an element of this metric type computes: the set ones, or the defaults for id 0.
    /// - Throws: ``MetricsError/invalidAggregationID(_:)``,
    ///   ``MetricsError/invalidAggregationTypes(_:for:)`` when one does not fit the metric type.
    public func types(for metricType: MetricType) throws(MetricsError) -> [AggregationType] {
        if isDefault { return AggregationType.defaults(for: metricType) }
        let types = try types()
        guard types.allSatisfy({ $0.isValid(for: metricType) }) else {
            throw .invalidAggregationTypes(types, for: metricType)
        }
        return types
    }
}
