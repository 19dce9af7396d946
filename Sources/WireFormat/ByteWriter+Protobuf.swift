import Glibc

/// The sizes of encoded values.
enum ProtobufSize {
    @inline(__always)
    static func varint(_ value: UInt64) -> Int {
        let bits = 64 &- (value | 1).leadingZeroBitCount
        return (bits &* 9 &+ 64) >> 6
    }

    /// Tag (one byte), length and contents, or nothing when there are no contents.
    @inline(__always)
    static func bytes(_ count: Int) -> Int { count == 0 ? 0 : message(count) }

    /// Tag (one byte), length and contents, also when there are none.
    @inline(__always)
    static func message(_ count: Int) -> Int { 1 &+ varint(UInt64(count)) &+ count }

    /// Tag (one byte) and number, or nothing for 0.
    @inline(__always)
    static func number(_ value: UInt64) -> Int { value == 0 ? 0 : 1 &+ varint(value) }

    /// Tag (one byte) and eight bytes, or nothing for 0 and -0.
    @inline(__always)
    static func double(_ value: Double) -> Int { value == 0 ? 0 : 9 }
}

/// Writes fields into memory whose size was computed before, with no check per field.
///
/// ``finish(_:)`` compares what was written with the size that was reserved.
struct ProtobufSink {
    private var next: UnsafeMutableRawPointer

    init(_ start: UnsafeMutableRawPointer) { next = start }

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        next.storeBytes(of: value, as: UInt8.self)
        next += 1
    }

    @inline(__always)
    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    mutating func fixed64(_ value: UInt64) {
        next.storeBytes(of: value.littleEndian, as: UInt64.self)
        next += 8
    }

    @inline(__always)
    mutating func number(tag: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        byte(tag)
        varint(value)
    }

    @inline(__always)
    mutating func number(tag: UInt8, _ value: Int64) { number(tag: tag, UInt64(bitPattern: value)) }

    @inline(__always)
    mutating func double(tag: UInt8, _ value: Double) {
        guard value != 0 else { return }
        byte(tag)
        fixed64(value.bitPattern)
    }

    /// Tag and length of a sub-message or of a list; the contents follow.
    @inline(__always)
    mutating func header(tag: UInt8, count: Int) {
        byte(tag)
        varint(UInt64(count))
    }

    @inline(__always)
    mutating func raw(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { buffer in
            guard let source = buffer.baseAddress else { return }
            next.copyMemory(from: source, byteCount: buffer.count)
        }
        next += bytes.byteCount
    }

    @inline(__always)
    mutating func bytes(tag: UInt8, _ bytes: RawSpan) {
        guard bytes.byteCount > 0 else { return }
        header(tag: tag, count: bytes.byteCount)
        raw(bytes)
    }

    @inline(__always)
    mutating func packed(tag: UInt8, _ values: Span<Double>) {
        guard values.count > 0 else { return }
        header(tag: tag, count: values.count &* 8)
        for i in values.indices { fixed64(values[i].bitPattern) }
    }

    /// - Precondition: exactly the reserved bytes were written.
    @inline(__always)
    func finish(_ end: UnsafeMutableRawPointer) {
        precondition(next == end, "an encoder wrote another size than it computed")
    }
}

extension ByteWriter {
    /// Reserves `size` bytes and has them filled.
    @inline(__always)
    mutating func appendExactly(_ size: Int, _ body: (inout ProtobufSink) -> Void) {
        let start = grow(by: size)
        var sink = ProtobufSink(start)
        body(&sink)
        sink.finish(start + size)
    }

    mutating func appendVarint(_ value: UInt64) {
        appendExactly(ProtobufSize.varint(value)) { $0.varint(value) }
    }

    /// A field tag and a number, unless it is 0.
    mutating func appendNumber(tag: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        appendVarint(tag)
        appendVarint(value)
    }

    /// A field tag and a length-delimited value, unless it is empty.
    mutating func appendBytes(tag: UInt64, _ bytes: RawSpan) {
        guard bytes.byteCount > 0 else { return }
        appendVarint(tag)
        appendVarint(UInt64(bytes.byteCount))
        append(contentsOf: bytes)
    }

    mutating func appendDouble(tag: UInt64, _ value: Double) {
        guard value != 0 else { return }
        appendVarint(tag)
        appendExactly(8) { $0.fixed64(value.bitPattern) }
    }

    /// A sub-message of a size that is known only when it is written: for cold paths, since contents of 128 bytes and
    /// more are moved once.
    mutating func appendMessage<E: Error>(tag: UInt64, _ body: (inout ByteWriter) throws(E) -> Void) throws(E) {
        appendVarint(tag)
        let lengthAt = count
        append(0)
        try body(&self)
        let length = count - lengthAt - 1
        let extra = ProtobufSize.varint(UInt64(length)) - 1
        if extra > 0 { _ = grow(by: extra) }
        guard let base else { return }
        if extra > 0 {
            memmove(base + lengthAt + 1 + extra, base + lengthAt + 1, length)
        }
        var sink = ProtobufSink(base + lengthAt)
        sink.varint(UInt64(length))
        sink.finish(base + lengthAt + 1 + extra)
    }
}
