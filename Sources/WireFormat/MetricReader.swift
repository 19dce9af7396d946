import Metrics

/// Reads payloads of the ingest topic (`metricpb.MetricWithMetadatas`), metadata left undecoded.
/// Source: `docs/wire-formats.md`.
public enum MetricReader {
    /// Reads one metric.
    /// - Throws: a ``WireError``. ``WireError/scattered`` says that the message is legal, but lies in pieces, which no known
    ///   sender does: read what ``gathered(_:in:)`` makes of it.
    public static func read(_ bytes: RawSpan, in payload: ByteRange) throws(WireError) -> MetricView {
        var envelope = try WireCursor("MetricWithMetadatas", bytes, payload)
        var type: Int32 = 0
        var bodyField: UInt32 = 0
        var body = ByteRange.empty
        var isScattered = false
        while !envelope.isAtEnd {
            let tag = try envelope.tag(bytes)
            if tag == 0x08 {
                type = Int32(truncatingIfNeeded: try envelope.varint(bytes))
            } else if tag & 7 == 2, tag >= 0x12, tag <= 0x42 {
                isScattered = isScattered || bodyField != 0
                bodyField = tag >> 3
                body = try envelope.lengthDelimited(bytes)
            } else {
                try envelope.skip(tag, lastKnown: 8, bytes)
            }
        }
        guard let rawKind = UInt8(exactly: type), let kind = PayloadKind(rawValue: rawKind) else {
            throw .unrecognizedMessageType(type)
        }
        guard !isScattered else { throw .scattered }
        guard bodyField == UInt32(rawKind) &+ 1 else { throw .missingSubmessage(type: type) }

        var view = MetricView(kind: kind, metricType: .unknown)
        var composite = WireCursor(unchecked: "metric with metadata", body)
        var metadataCount = 0
        var rawType: Int32 = 0
        while !composite.isAtEnd {
            let tag = try composite.tag(bytes)
            switch tag {
            case 0x0a:
                let metric = try composite.lengthDelimited(bytes)
                switch kind {
                case .timedWithMetadatas, .timedWithMetadata, .passthrough:
                    try readTimed(bytes, metric, into: &view, &rawType)
                case .counter: try readCounter(bytes, metric, into: &view)
                case .gauge: try readGauge(bytes, metric, into: &view)
                case .batchTimer: try readBatchTimer(bytes, metric, into: &view)
                case .forwarded: try readForwarded(bytes, metric, into: &view, &rawType)
                }
            case 0x12:
                metadataCount &+= 1
                view.metadata = try composite.lengthDelimited(bytes)
            case 0x1a where kind == .passthrough:
                var routing = try composite.submessage("RoutingPolicy", bytes)
                try readRoutingPolicy(bytes, &routing, into: &view.routingTrafficTypes)
            default: try composite.skip(tag, lastKnown: kind == .passthrough ? 3 : 2, bytes)
            }
        }
        guard metadataCount <= 1 else { throw .scattered }
        switch kind {
        case .counter: view.metricType = .counter
        case .gauge: view.metricType = .gauge
        case .batchTimer: view.metricType = .timer
        default: view.metricType = try metricType(rawType)
        }
        try checkLimits(view)
        return view
    }

    @inline(__always)
    private static func checkLimits(_ view: MetricView) throws(WireError) {
        try check(view.id.count, WireLimits.maxIDBytes, "metric id bytes")
        try check(view.annotation.count, WireLimits.maxAnnotationBytes, "annotation bytes")
        try check(view.metadata.count, WireLimits.maxMetadataBytes, "metadata bytes")
        try check(view.valueCount, WireLimits.maxValues, "number of values")
        try check(view.prevValueCount, WireLimits.maxValues, "number of previous values")
    }

    @inline(__always)
    static func check(_ value: Int, _ limit: Int, _ field: StaticString) throws(WireError) {
        guard value <= limit else { throw limitExceeded(value, limit, field) }
    }

    @inline(never)
    private static func limitExceeded(_ value: Int, _ limit: Int, _ field: StaticString) -> WireError {
        .limitExceeded(field: field.description, value: value, limit: limit)
    }

    @inline(__always)
    static func readTimed(
        _ bytes: RawSpan, _ range: ByteRange, into view: inout MetricView, _ rawType: inout Int32
    ) throws(WireError) {
        var metric = WireCursor(unchecked: "TimedMetric", range)
        while !metric.isAtEnd {
            let tag = try metric.tag(bytes)
            switch tag {
            case 0x08: rawType = Int32(truncatingIfNeeded: try metric.varint(bytes))
            case 0x12: view.id = try metric.lengthDelimited(bytes)
            case 0x18: view.timeNanos = Int64(bitPattern: try metric.varint(bytes))
            case 0x21: view.value = try metric.double(bytes)
            case 0x2a: view.annotation = try metric.lengthDelimited(bytes)
            default: try metric.skip(tag, lastKnown: 5, bytes)
            }
        }
    }

    /// The type that the last of all pieces gives.
    @inline(__always)
    static func metricType(_ raw: Int32) throws(WireError) -> MetricType {
        guard let small = UInt8(exactly: raw), let type = MetricType(rawValue: small) else {
            throw .unknownMetricType(raw)
        }
        return type
    }

    private static func readCounter(
        _ bytes: RawSpan, _ range: ByteRange, into view: inout MetricView
    ) throws(WireError) {
        var metric = WireCursor(unchecked: "Counter", range)
        while !metric.isAtEnd {
            let tag = try metric.tag(bytes)
            switch tag {
            case 0x0a: view.id = try metric.lengthDelimited(bytes)
            case 0x10: view.counterValue = Int64(bitPattern: try metric.varint(bytes))
            case 0x1a: view.annotation = try metric.lengthDelimited(bytes)
            case 0x20: view.clientTimeNanos = Int64(bitPattern: try metric.varint(bytes))
            default: try metric.skip(tag, lastKnown: 4, bytes)
            }
        }
    }

    private static func readGauge(
        _ bytes: RawSpan, _ range: ByteRange, into view: inout MetricView
    ) throws(WireError) {
        var metric = WireCursor(unchecked: "Gauge", range)
        while !metric.isAtEnd {
            let tag = try metric.tag(bytes)
            switch tag {
            case 0x0a: view.id = try metric.lengthDelimited(bytes)
            case 0x11: view.value = try metric.double(bytes)
            case 0x1a: view.annotation = try metric.lengthDelimited(bytes)
            case 0x20: view.clientTimeNanos = Int64(bitPattern: try metric.varint(bytes))
            default: try metric.skip(tag, lastKnown: 4, bytes)
            }
        }
    }

    private static func readBatchTimer(
        _ bytes: RawSpan, _ range: ByteRange, into view: inout MetricView
    ) throws(WireError) {
        var metric = WireCursor(unchecked: "BatchTimer", range)
        while !metric.isAtEnd {
            let tag = try metric.tag(bytes)
            switch tag {
            case 0x0a: view.id = try metric.lengthDelimited(bytes)
            case 0x11, 0x12: try metric.appendDoubles(tag, "BatchTimer.values", to: &view.values, bytes)
            case 0x1a: view.annotation = try metric.lengthDelimited(bytes)
            case 0x20: _ = try metric.varint(bytes)
            default: try metric.skip(tag, lastKnown: 4, bytes)
            }
        }
    }

    private static func readForwarded(
        _ bytes: RawSpan, _ range: ByteRange, into view: inout MetricView, _ rawType: inout Int32
    ) throws(WireError) {
        var metric = WireCursor(unchecked: "ForwardedMetric", range)
        while !metric.isAtEnd {
            let tag = try metric.tag(bytes)
            switch tag {
            case 0x08: rawType = Int32(truncatingIfNeeded: try metric.varint(bytes))
            case 0x12: view.id = try metric.lengthDelimited(bytes)
            case 0x18: view.timeNanos = Int64(bitPattern: try metric.varint(bytes))
            case 0x21, 0x22: try metric.appendDoubles(tag, "ForwardedMetric.values", to: &view.values, bytes)
            case 0x2a: view.annotation = try metric.lengthDelimited(bytes)
            case 0x31, 0x32: try metric.appendDoubles(tag, "ForwardedMetric.prev_values", to: &view.prevValues, bytes)
            case 0x38: view.version = UInt32(truncatingIfNeeded: try metric.varint(bytes))
            default: try metric.skip(tag, lastKnown: 7, bytes)
            }
        }
    }

    @inline(__always)
    static func readRoutingPolicy(
        _ bytes: RawSpan, _ routing: inout WireCursor, into trafficTypes: inout UInt64
    ) throws(WireError) {
        while !routing.isAtEnd {
            let tag = try routing.tag(bytes)
            switch tag {
            case 0x08: trafficTypes = try routing.varint(bytes)
            default: try routing.skip(tag, lastKnown: 1, bytes)
            }
        }
    }
}

extension WireCursor {
    /// Doubles of a list: packed, or one of them with its own tag. A range has room for one piece only.
    mutating func appendDoubles(
        _ tag: UInt32, _ field: StaticString, to values: inout ByteRange, _ bytes: RawSpan
    ) throws(WireError) {
        let piece: ByteRange
        if tag & 7 == 2 {
            piece = try lengthDelimited(bytes)
            guard piece.count.isMultiple(of: 8) else {
                throw .malformedPacked(field: field.description, count: piece.count)
            }
        } else {
            piece = ByteRange(offset: offset, count: 8)
            _ = try fixed64(bytes)
        }
        if piece.isEmpty { return }
        guard values.isEmpty else { throw .scattered }
        values = piece
    }
}
