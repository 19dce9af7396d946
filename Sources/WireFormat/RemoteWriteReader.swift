/// Where a label's name and value stand.
public struct LabelRange: Sendable, Hashable {
    public var name: ByteRange
    public var value: ByteRange

    @inlinable public init(name: ByteRange, value: ByteRange) {
        self.name = name
        self.value = value
    }
}

/// One sample of a Prometheus series.
public struct PrometheusSample: Sendable, Hashable {
    /// Milliseconds since 1970.
    public var timestampMillis: Int64
    public var value: Double

    @inlinable public init(timestampMillis: Int64, value: Double) {
        self.timestampMillis = timestampMillis
        self.value = value
    }
}

/// What a remote write says about a series besides labels and samples; the raw values are the wire's.
public struct RemoteWriteSeries: Sendable {
    /// The contents of the TimeSeries message.
    public var message: ByteRange
    /// The label fields as they were sent, when they stand together at the start of the message, as every usual sender
    /// writes them; else nil. The same bytes are the same labels.
    public var labelFields: ByteRange?
    /// Native histograms, which are passed over.
    public var histogramCount: Int
    /// Exemplars, which are passed over.
    public var exemplarCount: Int
    /// M3's own: 0 gauge, 1 counter, 2 timer.
    public var m3Type: Int32
    /// M3's own: 0 Prometheus, 1 Graphite, 2 OpenMetrics.
    public var source: Int32
    /// M3's own: 0 unknown, 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 state set.
    public var prometheusType: Int32
    /// Why this series is to be refused while the others stand: a limit it goes over. Labels and samples are then only
    /// those in front of the limit.
    public var violation: WireError?

    /// A series without samples and other fields.
    public init(message: ByteRange, labelFields: ByteRange? = nil) {
        self.message = message
        self.labelFields = labelFields
        histogramCount = 0
        exemplarCount = 0
        m3Type = 0
        source = 0
        prometheusType = 0
    }
}

/// Walks the series of a decompressed remote write request. Source: `docs/wire-formats.md`.
///
/// ```swift
/// var reader = try RemoteWriteReader(bytes, in: .all(of: bytes))
/// while let series = try reader.next(bytes) { use(series, reader.labels, reader.samples) }
/// ```
/// A caller that knows series by ``RemoteWriteSeries/labelFields`` leaves their labels unread: ``nextWithoutLabels(_:)``.
///
/// A request can be malformed behind series that were good: one that must be taken whole or not at all is walked to its end
/// first.
public struct RemoteWriteReader {
    /// Labels of the series read last, in the sender's order; empty while they were not read.
    public private(set) var labels: [LabelRange] = []
    /// Samples of the series read last, in the sender's order.
    public private(set) var samples: [PrometheusSample] = []
    private var request: WireCursor
    private let maxSamples: Int

    /// - Throws: ``WireError/rangeOutsideInput(offset:count:available:)``
    public init(_ bytes: RawSpan, in range: ByteRange) throws(WireError) {
        try self.init(bytes, in: range, maxSamples: WireLimits.maxSamplesPerSeries)
    }

    /// - Parameter maxSamples: of one series; answers to reads are bounded by their bytes alone.
    init(_ bytes: RawSpan, in range: ByteRange, maxSamples: Int) throws(WireError) {
        request = try WireCursor("WriteRequest", bytes, range)
        self.maxSamples = maxSamples
    }

    /// The next series, or nil at the end. Metadata (field 3) and unknown fields are passed over.
    /// - Parameter bytes: what the reader was made with.
    /// - Throws: a ``WireError`` for a malformed request.
    public mutating func next(_ bytes: RawSpan) throws(WireError) -> RemoteWriteSeries? {
        guard var series = try nextWithoutLabels(bytes) else { return nil }
        try readLabels(of: &series, bytes)
        return series
    }

    /// As ``next(_:)``, except that labels are passed over: what is wrong with them is found by ``readLabels(of:_:)``.
    @inline(__always)
    public mutating func nextWithoutLabels(_ bytes: RawSpan) throws(WireError) -> RemoteWriteSeries? {
        while !request.isAtEnd {
            let tag = try request.tag(bytes)
            if tag == 0x0a { return try readSeries(bytes, try request.lengthDelimited(bytes)) }
            try request.skip(tag, lastKnown: 1, bytes)
        }
        return nil
    }

    /// Reads the labels of a series that this reader handed out, and notes in it a limit they go over.
    /// - Throws: a ``WireError`` for malformed labels.
    public mutating func readLabels(of series: inout RemoteWriteSeries, _ bytes: RawSpan) throws(WireError) {
        labels.removeAll(keepingCapacity: true)
        var violation: WireError?
        var cursor = WireCursor(unchecked: "TimeSeries", series.message)
        while !cursor.isAtEnd {
            let tag = try cursor.tag(bytes)
            guard tag == 0x0a else {
                try cursor.skip(tag, lastKnown: 0, bytes)
                continue
            }
            let label = try readLabel(bytes, try cursor.lengthDelimited(bytes))
            if let found = self.violation(of: label) {
                violation = violation ?? found
            } else {
                labels.append(label)
            }
        }
        series.violation = violation ?? series.violation
    }

    private mutating func readSeries(_ bytes: RawSpan, _ range: ByteRange) throws(WireError) -> RemoteWriteSeries {
        labels.removeAll(keepingCapacity: true)
        samples.removeAll(keepingCapacity: true)
        var series = WireCursor(unchecked: "TimeSeries", range)
        while series.offset < range.end, series.byte(bytes, at: series.offset) == 0x0a {
            series.offset &+= 1
            _ = try series.lengthDelimited(bytes)
        }
        var result = RemoteWriteSeries(
            message: range, labelFields: ByteRange(offset: range.offset, count: series.offset &- range.offset))
        while !series.isAtEnd {
            let tag = try series.tag(bytes)
            switch tag {
            case 0x0a:
                result.labelFields = nil
                _ = try series.lengthDelimited(bytes)
            case 0x12:
                let sample = try readSample(bytes, try series.lengthDelimited(bytes))
                if samples.count < maxSamples {
                    samples.append(sample)
                } else {
                    result.violation =
                        result.violation
                        ?? .limitExceeded(
                            field: "samples of a series", value: samples.count + 1,
                            limit: maxSamples)
                }
            case 0x1a:
                result.exemplarCount &+= 1
                _ = try series.lengthDelimited(bytes)
            case 0x22:
                result.histogramCount &+= 1
                _ = try series.lengthDelimited(bytes)
            case 101 << 3: result.m3Type = Int32(truncatingIfNeeded: try series.varint(bytes))
            case 102 << 3: result.source = Int32(truncatingIfNeeded: try series.varint(bytes))
            case 1001 << 3: result.prometheusType = Int32(truncatingIfNeeded: try series.varint(bytes))
            default:
                let field = tag >> 3
                if field == 101 || field == 102 || field == 1001 { throw series.wrongWireType(tag) }
                try series.skip(tag, lastKnown: 2, bytes)
            }
        }
        return result
    }

    private func violation(of label: LabelRange) -> WireError? {
        if labels.count >= WireLimits.maxLabels {
            return .limitExceeded(field: "labels of a series", value: labels.count + 1, limit: WireLimits.maxLabels)
        }
        let longest = max(label.name.count, label.value.count)
        guard longest > WireLimits.maxLabelBytes else { return nil }
        return .limitExceeded(
            field: label.name.count == longest ? "label name bytes" : "label value bytes", value: longest,
            limit: WireLimits.maxLabelBytes)
    }

    private func readLabel(_ bytes: RawSpan, _ range: ByteRange) throws(WireError) -> LabelRange {
        var result = LabelRange(name: .empty, value: .empty)
        var label = WireCursor(unchecked: "Label", range)
        while !label.isAtEnd {
            let tag = try label.tag(bytes)
            switch tag {
            case 0x0a: result.name = try label.lengthDelimited(bytes)
            case 0x12: result.value = try label.lengthDelimited(bytes)
            default: try label.skip(tag, lastKnown: 2, bytes)
            }
        }
        return result
    }

    private func readSample(_ bytes: RawSpan, _ range: ByteRange) throws(WireError) -> PrometheusSample {
        var result = PrometheusSample(timestampMillis: 0, value: 0)
        var sample = WireCursor(unchecked: "Sample", range)
        while !sample.isAtEnd {
            let tag = try sample.tag(bytes)
            switch tag {
            case 0x09: result.value = try sample.double(bytes)
            case 0x10: result.timestampMillis = Int64(bitPattern: try sample.varint(bytes))
            default: try sample.skip(tag, lastKnown: 2, bytes)
            }
        }
        return result
    }
}
