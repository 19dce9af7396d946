import FoundationEssentials
import WireFormat

/// Labels that the header `M3-Map-Tags-JSON` of a remote write gives to every series of the request:
/// `{"tagMappers":[{"write":{"tag":"cluster","value":"eu-1"}}]}`. A label of that name is overwritten, else appended.
///
/// M3 names three more operations (`drop`, `dropWithValue`, `replace`) and carries out none of them, nor does this.
/// Source: `docs/rules.md`, Write headers.
public struct MapTags: Sendable, Equatable {
    public struct HeaderError: Error, Sendable, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// More mappers than a series can have labels are refused.
    public static let maxMappers = WireLimits.maxLabels

    /// In the order of the header; of equal names the last one's value counts.
    public let labels: [(name: String, value: String)]

    public static func == (a: MapTags, b: MapTags) -> Bool {
        a.labels.map { [$0.name, $0.value] } == b.labels.map { [$0.name, $0.value] }
    }

    private struct Header: Decodable {
        var tagMappers: [Mapper]?
    }
    private struct Mapper: Decodable {
        var write: Write?
        var drop: Unsupported?
        var dropWithValue: Unsupported?
        var replace: Unsupported?
    }
    private struct Write: Decodable {
        var tag: String?
        var value: String?
    }
    private struct Unsupported: Decodable {}

    /// - Throws: ``HeaderError`` that names the mapper and what to write instead.
    public init(parsing header: String) throws(HeaderError) {
        let mappers: [Mapper]
        do {
            mappers = try JSONDecoder().decode(Header.self, from: Data(header.utf8)).tagMappers ?? []
        } catch {
            throw Self.error(
                "it is not the expected JSON; write {\"tagMappers\":[{\"write\":{\"tag\":\"NAME\",\"value\":\"VALUE\"}}]}"
            )
        }
        guard mappers.count <= Self.maxMappers else {
            throw Self.error("it has \(mappers.count) tagMappers; at most \(Self.maxMappers) are allowed")
        }
        var labels: [(name: String, value: String)] = []
        for (index, mapper) in mappers.enumerated() {
            let label = try Self.label(of: mapper, place: "tagMappers[\(index)]")
            labels.removeAll { $0.name == label.name }
            labels.append(label)
        }
        self.labels = labels
    }

    private static func label(
        of mapper: Mapper, place: String
    ) throws(HeaderError) -> (name: String, value: String) {
        for (name, operation) in [
            ("drop", mapper.drop), ("dropWithValue", mapper.dropWithValue), ("replace", mapper.replace),
        ] where operation != nil {
            throw error("\(place) has '\(name)', which is not supported; only 'write' is")
        }
        guard let write = mapper.write else { throw error("\(place) has no 'write'; add one with a tag and a value") }
        guard let tag = write.tag, !tag.isEmpty else { throw error("\(place).write.tag is empty; name a label") }
        guard let value = write.value, !value.isEmpty else {
            throw error("\(place).write.value is empty; give the label '\(tag)' a value")
        }
        return (tag, value)
    }

    private static func error(_ reason: String) -> HeaderError {
        HeaderError(description: "M3-Map-Tags-JSON: \(reason)")
    }

    /// The request with the labels in every series. Fields that hold no series are left out.
    ///
    /// A series that goes over a limit is handed on as it came, for the reader of the request to refuse.
    /// - Parameters:
    ///   - body: a decompressed WriteRequest.
    ///   - limit: the largest result, in bytes.
    /// - Throws: ``WireError`` for a malformed request, and `limitExceeded` for a result that is too large.
    public func applied(
        to body: [UInt8], limit: Int = WireLimits.maxRemoteWriteBytes
    ) throws(WireError) -> [UInt8] {
        let written = labels.map { (name: Array($0.name.utf8), field: Self.field($0.name, $0.value)) }
        var out: [UInt8] = []
        out.reserveCapacity(min(body.count + body.count / 8, limit))
        var series: [UInt8] = []
        var reader = try RemoteWriteReader(body.span.bytes, in: .all(of: body.span.bytes))
        while let next = try reader.next(body.span.bytes) {
            series.removeAll(keepingCapacity: true)
            if next.violation == nil {
                Self.append(body[next.message.offset..<next.message.end], reader.labels, body, written, to: &series)
            } else {
                series += body[next.message.offset..<next.message.end]
            }
            out.append(0x0a)
            Self.append(varint: series.count, to: &out)
            out += series
            guard out.count <= limit else {
                throw .limitExceeded(field: "remote write body with mapped tags", value: out.count, limit: limit)
            }
        }
        return out
    }

    /// Copies the fields of a TimeSeries except the labels that are written anew.
    private static func append(
        _ message: ArraySlice<UInt8>, _ labels: [LabelRange], _ body: [UInt8],
        _ written: [(name: [UInt8], field: [UInt8])], to out: inout [UInt8]
    ) {
        var rest = message
        var label = 0
        while !rest.isEmpty {
            let start = rest.startIndex
            guard let tag = varint(&rest), skip(tag, &rest) else { break }
            if tag == 0x0a, label < labels.count {
                let name = body[labels[label].name.offset..<labels[label].name.end]
                label += 1
                if written.contains(where: { $0.name.elementsEqual(name) }) { continue }
            }
            out += body[start..<rest.startIndex]
        }
        for label in written { out += label.field }
    }

    /// Passes over the contents of a field; false when the message ends within it.
    private static func skip(_ tag: UInt64, _ rest: inout ArraySlice<UInt8>) -> Bool {
        let count: UInt64
        switch tag & 7 {
        case 0: return varint(&rest) != nil
        case 1: count = 8
        case 5: count = 4
        case 2:
            guard let length = varint(&rest) else { return false }
            count = length
        default: return false
        }
        guard count <= UInt64(rest.count) else { return false }
        rest = rest.dropFirst(Int(count))
        return true
    }

    private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    private static func append(varint value: Int, to out: inout [UInt8]) {
        var rest = UInt64(value)
        while rest >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(rest))
    }

    /// A label as a field of TimeSeries.
    private static func field(_ name: String, _ value: String) -> [UInt8] {
        var label: [UInt8] = []
        for (tag, text) in [(UInt8(0x0a), name), (0x12, value)] {
            label.append(tag)
            append(varint: text.utf8.count, to: &label)
            label += text.utf8
        }
        var field: [UInt8] = [0x0a]
        append(varint: label.count, to: &field)
        return field + label
    }
}
