import Glibc

/// Takes the source apart from the rest of a forwarded metric's metadata: messages of different source shards are equal
/// but for it, and the rest is what a series' elements depend on.
struct ForwardMetadataSource: ~Copyable {
    private static let sourceField: UInt64 = 4
    private var memory: UnsafeMutableRawPointer
    private var capacity = 4_096

    init() { memory = .allocate(byteCount: capacity, alignment: 8) }

    deinit { memory.deallocate() }

    /// - Returns: the source, and the other fields in memory that holds until the next call. Malformed metadata comes
    ///   back whole, for the decoder to refuse.
    mutating func split(_ metadata: UnsafeRawBufferPointer) -> (source: UInt32, rest: UnsafeRawBufferPointer) {
        guard let base = metadata.baseAddress else { return (0, metadata) }
        if metadata.count > capacity {
            memory.deallocate()
            capacity = metadata.count
            memory = .allocate(byteCount: capacity, alignment: 8)
        }
        var source: UInt32 = 0
        var kept = 0
        var cursor = Cursor(metadata)
        while cursor.position < metadata.count {
            let start = cursor.position
            guard let tag = cursor.varint() else { return (0, metadata) }
            if tag == Self.sourceField << 3 {
                guard let value = cursor.varint() else { return (0, metadata) }
                source = UInt32(truncatingIfNeeded: value)
                continue
            }
            guard cursor.skip(wireType: tag & 7) else { return (0, metadata) }
            let count = cursor.position - start
            memcpy(memory + kept, base + start, count)
            kept += count
        }
        return (source, UnsafeRawBufferPointer(start: memory, count: kept))
    }

    private struct Cursor {
        let bytes: UnsafeRawBufferPointer
        var position = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        mutating func varint() -> UInt64? {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while position < bytes.count, shift < 64 {
                let byte = bytes[position]
                position += 1
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }

        mutating func skip(wireType: UInt64) -> Bool {
            let count: UInt64
            switch wireType {
            case 0: return varint() != nil
            case 1: count = 8
            case 2:
                guard let length = varint() else { return false }
                count = length
            case 5: count = 4
            default: return false
            }
            guard count <= UInt64(bytes.count - position) else { return false }
            position += Int(count)
            return true
        }
    }
}
