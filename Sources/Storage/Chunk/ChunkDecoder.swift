/// Reads the bit stream of ``ChunkEncoder`` back. Any bytes may be given: what is not a stream ends with an error.
enum ChunkDecoder {
    enum Failure: Error, Equatable {
        case truncated
        case timeOutOfOrder
        case invalidWindow
        case invalidHeader
        case checksum
    }

    /// Decodes `count` samples and hands each to the body, with its offset in milliseconds since the block's start.
    @inline(__always)
    static func decode(
        _ bytes: UnsafeRawBufferPointer, count: Int, _ body: (_ offset: UInt32, _ bits: UInt64) -> Void
    ) throws(Failure) {
        guard count > 0 else { return }
        var reader = BitReader(bytes)
        var offset = try reader.take(32)
        var step: Int64 = 0
        var mode: UInt8 = 0
        var shift: UInt64 = 0
        var width: UInt8 = 0
        var mapped = try value(&reader, &mode, &shift, &width)
        body(UInt32(truncatingIfNeeded: offset), ScaledValue.unmap(mapped, mode: mode))
        for _ in 1..<max(count, 1) {
            if try reader.take(1) == 0 {
                guard width > 0 else { throw .invalidWindow }
                mapped = mapped &+ unfold(try reader.take(width) &<< shift)
            } else if try reader.take(1) == 0 {
                // The same value at the expected time.
            } else {
                step = step &+ (try time(&reader))
                if try reader.take(1) == 0 {
                    guard width > 0 else { throw .invalidWindow }
                    mapped = mapped &+ unfold(try reader.take(width) &<< shift)
                } else if try reader.take(1) == 0 {
                    // The same value at another time.
                } else if try reader.take(1) == 0 {
                    try window(&reader, &shift, &width)
                    mapped = mapped &+ unfold(try reader.take(width) &<< shift)
                } else {
                    mapped = try value(&reader, &mode, &shift, &width)
                }
            }
            let next = Int64(offset) &+ step
            guard step > 0, next <= Int64(UInt32.max) else { throw .timeOutOfOrder }
            offset = UInt64(next)
            body(UInt32(truncatingIfNeeded: offset), ScaledValue.unmap(mapped, mode: mode))
        }
    }

    /// A mode and a whole value in it.
    private static func value(
        _ reader: inout BitReader, _ mode: inout UInt8, _ shift: inout UInt64, _ width: inout UInt8
    ) throws(Failure) -> Int64 {
        mode = UInt8(truncatingIfNeeded: try reader.take(3))
        try window(&reader, &shift, &width)
        let mapped = unfold(try reader.take(width) &<< shift)
        width = 0
        return mapped
    }

    private static func window(
        _ reader: inout BitReader, _ shift: inout UInt64, _ width: inout UInt8
    ) throws(Failure) {
        let fields = try reader.take(12)
        shift = fields & 63
        width = UInt8(truncatingIfNeeded: fields >> 6) &+ 1
        guard shift &+ UInt64(width) <= 64 else { throw .invalidWindow }
    }

    private static func time(_ reader: inout BitReader) throws(Failure) -> Int64 {
        if try reader.take(1) == 0 { return 0 }
        if try reader.take(1) == 0 { return signed(try reader.take(7), 7) }
        if try reader.take(1) == 0 { return signed(try reader.take(12), 12) }
        if try reader.take(1) == 0 { return signed(try reader.take(20), 20) }
        return signed(try reader.take(34), 34)
    }

    private static func signed(_ value: UInt64, _ bits: UInt8) -> Int64 {
        let unused = Int64(64 &- bits)
        return (Int64(bitPattern: value) &<< unused) &>> unused
    }

    @inline(__always) private static func unfold(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value &>> 1) ^ (0 &- Int64(bitPattern: value & 1))
    }
}

/// Takes bits from the front of some bytes, most significant first.
struct BitReader {
    private let bytes: UnsafeRawBufferPointer
    private var next = 0
    /// The bits at hand, left-aligned.
    private var window: UInt64 = 0
    private var available: UInt8 = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// - Parameter bits: 1 to 64.
    @inline(__always) mutating func take(_ bits: UInt8) throws(ChunkDecoder.Failure) -> UInt64 {
        if bits > 32 {
            let high = try takeShort(bits &- 32)
            return high << 32 | (try takeShort(32))
        }
        return try takeShort(bits)
    }

    @inline(__always) private mutating func takeShort(_ bits: UInt8) throws(ChunkDecoder.Failure) -> UInt64 {
        if available < bits {
            if bytes.count &- next >= 4 {
                let word = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: next, as: UInt32.self))
                window |= UInt64(word) << UInt64(32 &- available)
                next &+= 4
                available &+= 32
            } else {
                while next < bytes.count, available < bits {
                    window |= UInt64(bytes[next]) << UInt64(56 &- available)
                    next &+= 1
                    available &+= 8
                }
                guard available >= bits else { throw .truncated }
            }
        }
        let value = window &>> UInt64(64 &- bits)
        window = window &<< UInt64(bits)
        available &-= bits
        return value
    }
}
