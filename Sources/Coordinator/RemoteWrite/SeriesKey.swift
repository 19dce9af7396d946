import WireFormat

/// Makes the bytes by which the cache knows a series whose label fields do not stand together: the others are known by
/// those, see ``WireFormat/RemoteWriteSeries/labelFields``.
enum SeriesKey {
    /// A copy of the labels without anything that may stand between them.
    static func copied(_ labels: [LabelRange], from bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var key: [UInt8] = []
        for label in labels {
            for part in [label.name, label.value] {
                withUnsafeBytes(of: UInt32(truncatingIfNeeded: part.count).littleEndian) { key.append(contentsOf: $0) }
                key.append(contentsOf: bytes[part.offset..<part.end])
            }
        }
        return key
    }
}
