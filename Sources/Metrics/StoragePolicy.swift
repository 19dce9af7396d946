/// The resolution at which a metric is aggregated and how long the result is kept.
///
/// All three figures are nanoseconds. Precision takes part in equality: `1m:2d` and `1m@1s:2d` are two policies.
/// Source: `docs/storage-policies.md`.
public struct StoragePolicy: Sendable, Hashable {
    /// The length of a window.
    public var resolutionNanos: Int64
    /// The unit of timestamps, exactly one of 1 ns, 1 us, 1 ms, 1 s, 1 m, 1 h, 1 d, 1 y.
    public var precisionNanos: Int64
    public var retentionNanos: Int64

    @inlinable public init(resolutionNanos: Int64, precisionNanos: Int64, retentionNanos: Int64) {
        self.resolutionNanos = resolutionNanos
        self.precisionNanos = precisionNanos
        self.retentionNanos = retentionNanos
    }

    /// Reads `RESOLUTION[@PRECISION]:RETENTION`. Without a precision it is the largest unit that divides the
    /// resolution. Zero and negative durations are read, as in M3; ``isAggregatable`` tells whether they can be used.
    /// - Throws: ``MetricsError/invalidStoragePolicy(_:reason:)``
    public init(parsing text: String) throws(MetricsError) {
        func invalid(_ reason: String) -> MetricsError { .invalidStoragePolicy(text, reason: reason) }
        func duration(_ name: String, _ part: Substring) throws(MetricsError) -> Int64 {
            do {
                return try ExtendedDuration.parse(part)
            } catch .invalidDuration(let part, let reason) {
                throw invalid("\(name) '\(part)': \(reason)")
            }
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw invalid("it must hold exactly one colon") }
        let window = parts[0].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        resolutionNanos = try duration("resolution", window[0])
        if window.count == 2 {
            precisionNanos = try duration("precision", window[1])
            guard Self.isPrecision(precisionNanos) else {
                throw invalid("precision '\(window[1])' is none of 1ns, 1us, 1ms, 1s, 1m, 1h, 1d, 1y")
            }
        } else {
            precisionNanos = ExtendedDuration.largestUnit(dividing: resolutionNanos)
        }
        retentionNanos = try duration("retention", parts[1])
    }

    /// Whether a duration is exactly one unit, as the wire's precision must be.
    public static func isPrecision(_ nanos: Int64) -> Bool {
        ExtendedDuration.canonicalUnits.contains { $0.nanos == nanos }
    }

    /// Whether windows can be cut at this policy: resolution and retention are more than 0, precision is a unit.
    public var isAggregatable: Bool {
        resolutionNanos > 0 && retentionNanos > 0 && Self.isPrecision(precisionNanos)
    }

    /// Whether output filters and namespaces treat the two as one: precision does not count.
    public func isEquivalent(to other: StoragePolicy) -> Bool {
        resolutionNanos == other.resolutionNanos && retentionNanos == other.retentionNanos
    }
}

extension StoragePolicy: CustomStringConvertible {
    /// Canonical text: `10s:2d`, with `@1ms` behind the resolution only where the precision is not the implied one.
    public var description: String {
        let isImplied = precisionNanos == ExtendedDuration.largestUnit(dividing: resolutionNanos)
        let precision = isImplied ? "" : "@" + ExtendedDuration.format(precisionNanos)
        return ExtendedDuration.format(resolutionNanos) + precision + ":"
            + ExtendedDuration.format(retentionNanos)
    }
}
