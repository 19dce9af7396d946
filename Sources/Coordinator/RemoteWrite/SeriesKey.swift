import WireFormat

/// Finds the bytes by which the cache knows a series: its labels as they were sent, nothing else.
enum SeriesKey {
    /// The labels' own bytes in the request, when they stand together at the start of the series, as every usual sender
    /// writes them; else nil.
    @inline(__always)
    static func inPlace(_ labels: [LabelRange], message: ByteRange) -> ByteRange? {
        var size = 0
        var end = message.offset
        for label in labels {
            let inner = field(label.name.count) &+ field(label.value.count)
            size &+= 1 &+ varint(inner) &+ inner
            end = max(end, label.name.end, label.value.end)
        }
        // Each label's size is what its shortest encoding takes. When these fill everything from the start of the series
        // to the end of the last label, nothing else stands there.
        return end &- message.offset == size ? ByteRange(offset: message.offset, count: size) : nil
    }

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

    @inline(__always)
    private static func field(_ count: Int) -> Int { count == 0 ? 0 : 1 &+ varint(count) &+ count }

    @inline(__always)
    private static func varint(_ value: Int) -> Int { value < 0x80 ? 1 : value < 0x4000 ? 2 : 3 }
}
