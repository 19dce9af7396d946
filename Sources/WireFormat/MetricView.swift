public import Metrics

/// What a payload of the ingest topic is; the numbers are those of the envelope's type.
public enum PayloadKind: UInt8, Sendable, Hashable, CaseIterable {
    case counter = 1
    case batchTimer = 2
    case gauge = 3
    case forwarded = 4
    /// A timed metric with one storage policy and aggregation id.
    case timedWithMetadata = 5
    /// A timed metric with staged metadatas, as the coordinator sends them.
    case timedWithMetadatas = 6
    /// A metric that is stored as it is. M3 takes it over its legacy protocol only.
    case passthrough = 7
}

/// One metric of the ingest topic as it stands in the bytes of its payload. Fields that its kind does not have are zero.
public struct MetricView: Sendable {
    public var kind: PayloadKind
    /// The type of what is measured: given by the kind, or sent (timed, forwarded, passthrough), where `unknown` is legal.
    public var metricType: Metrics.MetricType
    public var id: ByteRange
    public var annotation: ByteRange
    /// Nanoseconds since 1970, 0 for none. Counters and gauges; batch timers lose it, as in M3.
    public var clientTimeNanos: Int64
    /// Nanoseconds since 1970. Timed, forwarded, passthrough.
    public var timeNanos: Int64
    /// Counters only.
    public var counterValue: Int64
    /// Gauges, timed, passthrough.
    public var value: Double
    /// Packed little-endian doubles. Batch timers and forwarded metrics; read them with ``forEachValue(in:_:)``.
    public var values: ByteRange
    /// Packed like `values`: what the values replace. Forwarded metrics that are sent again; their number may differ from
    /// that of `values`, which is for the reader to refuse.
    public var prevValues: ByteRange
    /// 0 for the first time a forwarded value is sent.
    public var version: UInt32
    /// Contents of the StagedMetadatas, ForwardMetadata or TimedMetadata, and for passthrough of the StoragePolicy, not
    /// decoded: see ``MetadataCodec``.
    public var metadata: ByteRange
    /// Passthrough only.
    public var routingTrafficTypes: UInt64

    @inlinable
    init(kind: PayloadKind, metricType: Metrics.MetricType) {
        self.kind = kind
        self.metricType = metricType
        id = .empty
        annotation = .empty
        clientTimeNanos = 0
        timeNanos = 0
        counterValue = 0
        value = 0
        values = .empty
        prevValues = .empty
        version = 0
        metadata = .empty
        routingTrafficTypes = 0
    }

    @inlinable public var valueCount: Int { values.count / 8 }
    @inlinable public var prevValueCount: Int { prevValues.count / 8 }

    /// Calls with each of the values in order.
    /// - Parameter bytes: what the view was read from.
    @inlinable
    public func forEachValue<E: Error>(in bytes: RawSpan, _ body: (Double) throws(E) -> Void) throws(E) {
        try Self.forEachDouble(values, in: bytes, body)
    }

    /// Calls with each of the previous values in order.
    /// - Parameter bytes: what the view was read from.
    @inlinable
    public func forEachPrevValue<E: Error>(in bytes: RawSpan, _ body: (Double) throws(E) -> Void) throws(E) {
        try Self.forEachDouble(prevValues, in: bytes, body)
    }

    /// The value at an index below ``valueCount``.
    @inlinable
    public func value(at index: Int, in bytes: RawSpan) -> Double { Self.double(values, index, bytes) }

    /// The previous value at an index below ``prevValueCount``.
    @inlinable
    public func prevValue(at index: Int, in bytes: RawSpan) -> Double { Self.double(prevValues, index, bytes) }

    @inlinable @inline(__always)
    static func double(_ range: ByteRange, _ index: Int, _ bytes: RawSpan) -> Double {
        precondition(index >= 0 && index < range.count / 8, "no value with this index")
        let bits = bytes.unsafeLoadUnaligned(
            fromByteOffset: range.offset &+ index &* 8, as: UInt64.self)
        return Double(bitPattern: UInt64(littleEndian: bits))
    }

    @inlinable @inline(__always)
    static func forEachDouble<E: Error>(
        _ range: ByteRange, in bytes: RawSpan, _ body: (Double) throws(E) -> Void
    ) throws(E) {
        precondition(range.lies(within: bytes.byteCount), "values outside of the bytes")
        var offset = range.offset
        while offset < range.end {
            let bits = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            try body(Double(bitPattern: UInt64(littleEndian: bits)))
            offset &+= 8
        }
    }
}
