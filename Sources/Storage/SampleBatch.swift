import Metrics

/// Samples on their way into the store, in a handful of arrays however many there are: build one per request or
/// socket read, and hand it to ``TimeSeriesStore/write(_:completion:)``.
///
/// Labels and namespaces are added once and referred to by index. Values are kept as their 64 bits, so that NaN
/// payloads such as Prometheus' stale marker survive. Source: `docs/storage.md`, Writing.
public struct SampleBatch: Sendable {
    @usableFromInline
    struct Sample: Sendable {
        @usableFromInline var timestampMs: Int64
        @usableFromInline var valueBits: UInt64
        @usableFromInline var labels: UInt32
        @usableFromInline var namespace: UInt32

        @inlinable init(timestampMs: Int64, valueBits: UInt64, labels: UInt32, namespace: UInt32) {
            self.timestampMs = timestampMs
            self.valueBits = valueBits
            self.labels = labels
            self.namespace = namespace
        }
    }

    /// Stands for labels that are not valid: samples that refer to it are rejected and counted.
    public static let invalidLabels = UInt32.max

    @usableFromInline var namespaces: [Namespace] = []
    @usableFromInline var arena: [UInt8] = []
    @usableFromInline var labelEnds: [UInt32] = []
    @usableFromInline var references: [SeriesReference] = []
    @usableFromInline var samples: [Sample] = []

    public init() {}

    public mutating func reserveCapacity(samples: Int, labels: Int, labelBytes: Int) {
        self.samples.reserveCapacity(samples)
        labelEnds.reserveCapacity(labels)
        arena.reserveCapacity(labelBytes)
    }

    /// The number of samples.
    public var count: Int { samples.count }

    public var isEmpty: Bool { samples.isEmpty }

    /// What the batch counts for in the write queue.
    public var byteCount: Int {
        samples.count &* MemoryLayout<Sample>.stride &+ arena.count &+ labelEnds.count &* 4 &+ references.count &* 8
    }

    /// The index of a namespace, which is added when the batch does not hold it yet. Meant to be asked once per
    /// policy, not per sample.
    public mutating func index(of namespace: Namespace) -> UInt32 {
        if let index = namespaces.firstIndex(of: namespace) { return UInt32(truncatingIfNeeded: index) }
        namespaces.append(namespace)
        return UInt32(truncatingIfNeeded: namespaces.count &- 1)
    }

    /// Adds a series' labels; the result stands for them in ``append(labels:namespace:timestampMs:value:)``.
    @inlinable public mutating func addLabels(_ labels: Labels) -> UInt32 {
        labels.encoded.withUnsafeBytes { addLabels(canonicalBytes: $0) }
    }

    /// Adds a series' labels as their canonical encoding (sorted, see ``Metrics/Labels``), which is copied. Bytes that
    /// turn out not to be canonical make the samples that refer to them rejected as `invalid_labels`.
    @inlinable public mutating func addLabels(canonicalBytes: UnsafeRawBufferPointer) -> UInt32 {
        guard canonicalBytes.count <= Labels.maxEncodedBytes, arena.count <= 1 << 31 else {
            return Self.invalidLabels
        }
        arena.append(contentsOf: canonicalBytes)
        labelEnds.append(UInt32(truncatingIfNeeded: arena.count))
        return UInt32(truncatingIfNeeded: labelEnds.count &- 1)
    }

    /// Marks the indexes of ``references``; the others are those of ``labelEnds``.
    @usableFromInline static let referenceBit: UInt32 = 1 << 31

    /// Adds a series that is known to the caller; the result stands for its labels in
    /// ``append(labels:namespace:timestampMs:value:)``. Nothing is copied.
    @inlinable public mutating func addSeries(_ reference: SeriesReference) -> UInt32 {
        guard references.count < Int(Self.referenceBit) &- 1, reference.canonicalLabels.count <= Labels.maxEncodedBytes
        else { return Self.invalidLabels }
        references.append(reference)
        return UInt32(truncatingIfNeeded: references.count &- 1) | Self.referenceBit
    }

    /// Adds one sample.
    /// - Parameters:
    ///   - labels: what ``addLabels(_:)`` or ``addSeries(_:)`` of this batch returned.
    ///   - namespace: what ``index(of:)`` of this batch returned.
    ///   - timestampMs: milliseconds since 1970.
    @inlinable public mutating func append(
        labels: UInt32, namespace: UInt32, timestampMs: Int64, value: Double
    ) {
        samples.append(
            Sample(timestampMs: timestampMs, valueBits: value.bitPattern, labels: labels, namespace: namespace))
    }
}

/// What became of the samples of one batch: stored (and readable), or rejected for a reason.
public struct WriteOutcome: Sendable, Equatable {
    public enum Rejection: String, Sendable, CaseIterable {
        /// Before now minus the namespace's retention.
        case tooOld = "too_old"
        /// After now plus the future limit.
        case tooFarInFuture = "too_far_in_future"
        /// Labels that are not canonical, or too long.
        case invalidLabels = "invalid_labels"
        /// A policy without a positive resolution and retention.
        case invalidNamespace = "invalid_namespace"
        case seriesLimit = "series_limit"
        case namespaceLimit = "namespace_limit"
        /// RocksDB failed: none of the batch was stored.
        case writeFailed = "write_failed"
    }

    public var stored = 0
    public var rejected: [Rejection: Int] = [:]

    public init() {}

    public var rejectedTotal: Int { rejected.values.reduce(0, +) }
}
