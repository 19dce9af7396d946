import Metrics
import WireFormat

/// Makes canonical labels of the ones a request holds.
///
/// Labels may come in any order. A label with an empty value is the same as no label, as Prometheus has it.
enum SeriesLabels {
    private static let nameLabel = Array("__name__".utf8)
    /// The longest description of a series in an error, in characters.
    private static let maxDescription = 300

    static func canonical(
        _ ranges: [LabelRange], in bytes: UnsafeRawBufferPointer
    ) throws(SeriesRejection) -> Labels {
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        pairs.reserveCapacity(ranges.count)
        var hasName = false
        for range in ranges {
            let name = Array(bytes[range.name.offset..<range.name.end])
            if name.isEmpty {
                throw SeriesRejection(
                    .emptyLabelName, "\(describe(ranges, in: bytes)) has a label without a name; name every label")
            }
            if range.value.isEmpty { continue }
            hasName = hasName || name == nameLabel
            pairs.append((name, Array(bytes[range.value.offset..<range.value.end])))
        }
        guard hasName else {
            throw SeriesRejection(
                .missingName, "\(describe(ranges, in: bytes)) has no metric name; add the label __name__")
        }
        pairs.sort { $0.name.lexicographicallyPrecedes($1.name) }
        for index in pairs.indices.dropFirst() where pairs[index - 1].name == pairs[index].name {
            throw SeriesRejection(
                .duplicateLabel,
                "\(describe(ranges, in: bytes)) has label '\(String(decoding: pairs[index].name, as: UTF8.self))' twice; "
                    + "send each label once")
        }
        do {
            return try Labels(bytePairs: pairs)
        } catch {
            throw SeriesRejection(.labelsTooLong, "\(describe(ranges, in: bytes)): \(error)")
        }
    }

    /// The labels of a TimeSeries message that was read before, shortened.
    static func describe(_ message: ByteRange, in bytes: UnsafeRawBufferPointer) -> String {
        var labels: [LabelRange] = []
        var series = RemoteWriteSeries(message: message)
        if var reader = try? RemoteWriteReader(bytes.bytes, in: message),
            (try? reader.readLabels(of: &series, bytes.bytes)) != nil
        {
            labels = reader.labels
        }
        return describe(labels, in: bytes)
    }

    /// The labels as they came, shortened.
    static func describe(_ ranges: [LabelRange], in bytes: UnsafeRawBufferPointer) -> String {
        var text = "series {"
        for (index, range) in ranges.enumerated() {
            if text.count > maxDescription { return text + ", …" }
            let name = String(decoding: bytes[range.name.offset..<range.name.end].prefix(maxDescription), as: UTF8.self)
            let value = String(
                decoding: bytes[range.value.offset..<range.value.end].prefix(maxDescription), as: UTF8.self)
            text += (index == 0 ? "" : ", ") + "\(name)=\"\(value)\""
        }
        return text + "}"
    }
}
