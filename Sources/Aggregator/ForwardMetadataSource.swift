import Glibc
import WireFormat

/// Takes the source, and the sketch of a timer, apart from the rest of a forwarded metric's metadata: messages of
/// different source shards are equal but for them, and the rest is what a series' elements depend on.
struct ForwardMetadataSource: ~Copyable {
    private static let sourceField: UInt64 = 4
    /// M3 skips the field.
    private static let sketchField: UInt64 = 14
    private var memory: UnsafeMutableRawPointer
    private var capacity = 4_096

    init() { memory = .allocate(byteCount: capacity, alignment: 8) }

    deinit { memory.deallocate() }

    struct Parts {
        var source: UInt32 = 0
        /// In the metadata itself.
        var sketch = UnsafeRawBufferPointer(start: nil, count: 0)
        /// The other fields.
        var rest: UnsafeRawBufferPointer
    }

    /// - Returns: the parts; the rest is in memory that holds until the next call. Malformed metadata comes back whole,
    ///   for the decoder to refuse.
    mutating func split(_ metadata: UnsafeRawBufferPointer) -> Parts {
        guard let base = metadata.baseAddress else { return Parts(rest: metadata) }
        if metadata.count > capacity {
            memory.deallocate()
            capacity = metadata.count
            memory = .allocate(byteCount: capacity, alignment: 8)
        }
        var parts = Parts(rest: metadata)
        var kept = 0
        var cursor = Cursor(metadata)
        while cursor.position < metadata.count {
            let start = cursor.position
            guard let tag = cursor.varint() else { return Parts(rest: metadata) }
            if tag == Self.sourceField << 3 {
                guard let value = cursor.varint() else { return Parts(rest: metadata) }
                parts.source = UInt32(truncatingIfNeeded: value)
                continue
            }
            if tag == Self.sketchField << 3 | 2 {
                guard let count = cursor.varint(), count <= UInt64(metadata.count - cursor.position) else {
                    return Parts(rest: metadata)
                }
                parts.sketch = UnsafeRawBufferPointer(start: base + cursor.position, count: Int(count))
                cursor.position += Int(count)
                continue
            }
            guard cursor.skip(wireType: tag & 7) else { return Parts(rest: metadata) }
            let count = cursor.position - start
            memcpy(memory + kept, base + start, count)
            kept += count
        }
        parts.rest = UnsafeRawBufferPointer(start: memory, count: kept)
        return parts
    }

    /// Appends the field with a sketch.
    static func append(sketch: [UInt8], to writer: inout ByteWriter) {
        writer.append(UInt8(sketchField << 3 | 2))
        var count = sketch.count
        while count >= 0x80 {
            writer.append(UInt8(truncatingIfNeeded: count) | 0x80)
            count >>= 7
        }
        writer.append(UInt8(truncatingIfNeeded: count))
        writer.append(contentsOf: sketch.span.bytes)
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
