import Metrics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The order in which Prometheus lists series: label by label, name before value, bytes as they are.
enum LabelOrder {
    static func precedes(_ a: Labels, _ b: Labels) -> Bool {
        a.encoded.withUnsafeBytes { a in b.encoded.withUnsafeBytes { b in compare(a, b) < 0 } }
    }

    /// Names and values alternate behind the header, each behind its length: field is compared with field. Bytes that
    /// are not canonical are compared as far as they go.
    private static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        var position = EncodedTags.headerBytes
        while true {
            // Up to here both are equal, so one position serves both.
            guard let first = field(a, position) else { return field(b, position) == nil ? 0 : -1 }
            guard let second = field(b, position) else { return 1 }
            let common = min(first.count, second.count)
            if common > 0, let left = first.baseAddress, let right = second.baseAddress {
                let order = memcmp(left, right, common)
                if order != 0 { return Int(order) }
            }
            if first.count != second.count { return first.count - second.count }
            position += 2 + common
        }
    }

    private static func field(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> UnsafeRawBufferPointer? {
        guard bytes.count - position >= 2 else { return nil }
        let count = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self)))
        guard bytes.count - position - 2 >= count else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[(position + 2)..<(position + 2 + count)])
    }
}
