/// How a matcher compares a label's value; the raw values are the wire's.
public enum RemoteReadMatcherType: Int32, Sendable, Hashable, CaseIterable {
    case equal = 0
    case notEqual = 1
    case matches = 2
    case doesNotMatch = 3
}

public struct RemoteReadMatcher: Sendable, Hashable {
    public var type: RemoteReadMatcherType
    public var name: String
    public var value: String

    public init(type: RemoteReadMatcherType, name: String, value: String) {
        self.type = type
        self.name = name
        self.value = value
    }
}

/// One query of a remote read: the series that meet all matchers, between two times, both included.
public struct RemoteReadQuery: Sendable, Hashable {
    /// Milliseconds since 1970.
    public var startMillis: Int64
    /// Milliseconds since 1970.
    public var endMillis: Int64
    public var matchers: [RemoteReadMatcher]

    public init(startMillis: Int64, endMillis: Int64, matchers: [RemoteReadMatcher]) {
        self.startMillis = startMillis
        self.endMillis = endMillis
        self.matchers = matchers
    }
}

/// One series of an answer.
public struct RemoteReadSeries: Sendable, Equatable {
    /// Names and values, sorted by name.
    public var labels: [(name: [UInt8], value: [UInt8])]
    /// In ascending order of time.
    public var samples: [PrometheusSample]

    public init(labels: [(name: [UInt8], value: [UInt8])], samples: [PrometheusSample]) {
        self.labels = labels
        self.samples = samples
    }

    /// Values compare as bits, so that NaNs can be equal.
    public static func == (a: Self, b: Self) -> Bool {
        a.labels.elementsEqual(b.labels) { $0.name == $1.name && $0.value == $1.value }
            && a.samples.elementsEqual(b.samples) {
                $0.timestampMillis == $1.timestampMillis && $0.value.bitPattern == $1.value.bitPattern
            }
    }
}

/// Remote read requests (before compression). Source: `docs/wire-formats.md`.
///
/// Hints and accepted response types are passed over: answers are always of the SAMPLES type, which every client takes.
public enum RemoteReadRequest {
    /// - Throws: a ``WireError``: malformed, over a limit, an unknown matcher type, or names and values that are no UTF-8.
    public static func read(_ bytes: RawSpan, in range: ByteRange) throws(WireError) -> [RemoteReadQuery] {
        try MetricReader.check(range.count, WireLimits.maxRemoteReadRequestBytes, "remote read request bytes")
        var queries: [RemoteReadQuery] = []
        var request = try WireCursor("ReadRequest", bytes, range)
        while !request.isAtEnd {
            let tag = try request.tag(bytes)
            if tag == 0x0a {
                try MetricReader.check(queries.count + 1, WireLimits.maxQueries, "number of queries")
                var query = try request.submessage("Query", bytes)
                queries.append(try readQuery(bytes, &query))
            } else {
                try request.skip(tag, lastKnown: 1, bytes)
            }
        }
        return queries
    }

    private static func readQuery(_ bytes: RawSpan, _ query: inout WireCursor) throws(WireError) -> RemoteReadQuery {
        var result = RemoteReadQuery(startMillis: 0, endMillis: 0, matchers: [])
        while !query.isAtEnd {
            let tag = try query.tag(bytes)
            switch tag {
            case 0x08: result.startMillis = Int64(bitPattern: try query.varint(bytes))
            case 0x10: result.endMillis = Int64(bitPattern: try query.varint(bytes))
            case 0x1a:
                try MetricReader.check(result.matchers.count + 1, WireLimits.maxMatchers, "number of matchers")
                var matcher = try query.submessage("LabelMatcher", bytes)
                result.matchers.append(try readMatcher(bytes, &matcher))
            default: try query.skip(tag, lastKnown: 3, bytes)
            }
        }
        return result
    }

    private static func readMatcher(
        _ bytes: RawSpan, _ matcher: inout WireCursor
    ) throws(WireError) -> RemoteReadMatcher {
        var rawType: Int32 = 0
        var name = ByteRange.empty
        var value = ByteRange.empty
        while !matcher.isAtEnd {
            let tag = try matcher.tag(bytes)
            switch tag {
            case 0x08: rawType = Int32(truncatingIfNeeded: try matcher.varint(bytes))
            case 0x12: name = try matcher.lengthDelimited(bytes)
            case 0x1a: value = try matcher.lengthDelimited(bytes)
            default: try matcher.skip(tag, lastKnown: 3, bytes)
            }
        }
        guard let type = RemoteReadMatcherType(rawValue: rawType) else { throw .unknownMatcherType(rawType) }
        return RemoteReadMatcher(
            type: type, name: try text(bytes, name, "matcher name"), value: try text(bytes, value, "matcher value"))
    }

    private static func text(_ bytes: RawSpan, _ range: ByteRange, _ field: StaticString) throws(WireError) -> String {
        guard let text = range.withBytes(of: bytes, { String(validating: $0, as: UTF8.self) }) else {
            throw .invalidUTF8(field: field.description)
        }
        return text
    }

    /// Appends a request.
    public static func append(_ queries: [RemoteReadQuery], to writer: inout ByteWriter) {
        for query in queries {
            writer.appendMessage(tag: 0x0a) { writer in
                writer.appendNumber(tag: 0x08, UInt64(bitPattern: query.startMillis))
                writer.appendNumber(tag: 0x10, UInt64(bitPattern: query.endMillis))
                for matcher in query.matchers {
                    writer.appendMessage(tag: 0x1a) { writer in
                        writer.appendNumber(tag: 0x08, UInt64(matcher.type.rawValue))
                        writer.appendBytes(tag: 0x12, Array(matcher.name.utf8).span.bytes)
                        writer.appendBytes(tag: 0x1a, Array(matcher.value.utf8).span.bytes)
                    }
                }
            }
        }
    }
}
