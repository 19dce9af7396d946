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

    /// Whether output filters and namespaces treat the two as one: precision does not count.
    public func isEquivalent(to other: StoragePolicy) -> Bool {
        resolutionNanos == other.resolutionNanos && retentionNanos == other.retentionNanos
    }
}
