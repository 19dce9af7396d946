/// A place in the bytes of one protobuf message, from which fields are read one after the other.
///
/// The cursor keeps only offsets, the bytes are handed to each call, so that it can live in plain structs. Its invariant
/// is `0 <= offset <= end <= bytes.byteCount` for the bytes it was made with; loads are checked against `end` once and
/// then go unchecked.
@usableFromInline
struct WireCursor {
    /// The message's name in errors.
    @usableFromInline let message: StaticString
    @usableFromInline var offset: Int
    @usableFromInline let end: Int

    /// - Throws: ``WireError/rangeOutsideInput(offset:count:available:)``
    @inlinable @inline(__always)
    init(_ message: StaticString, _ bytes: RawSpan, _ range: ByteRange) throws(WireError) {
        guard range.lies(within: bytes.byteCount) else {
            throw .rangeOutsideInput(offset: range.offset, count: range.count, available: bytes.byteCount)
        }
        self.message = message
        offset = range.offset
        end = range.end
    }

    @inlinable @inline(__always)
    var isAtEnd: Bool { offset >= end }

    @inlinable @inline(never)
    func truncated() -> WireError { .truncated(message: message.description, offset: offset) }

    @inlinable @inline(never)
    func malformedVarint() -> WireError { .malformedVarint(message: message.description, offset: offset) }

    @inlinable @inline(never)
    func malformedTag() -> WireError { .malformedTag(message: message.description, offset: offset) }

    @inlinable @inline(never)
    func wrongWireType(_ tag: UInt32) -> WireError {
        .wrongWireType(message: message.description, field: Int(tag >> 3), wireType: Int(tag & 7))
    }

    @inlinable @inline(__always)
    func byte(_ bytes: RawSpan, at position: Int) -> UInt8 {
        bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
    }

    /// The next field's number times 8 plus its wire type.
    @inlinable @inline(__always)
    mutating func tag(_ bytes: RawSpan) throws(WireError) -> UInt32 {
        guard offset < end else { throw truncated() }
        let first = byte(bytes, at: offset)
        if first < 0x80 {
            guard first >= 8 else { throw malformedTag() }
            offset &+= 1
            return UInt32(first)
        }
        return try longTag(bytes)
    }

    @inlinable @inline(never)
    mutating func longTag(_ bytes: RawSpan) throws(WireError) -> UInt32 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var position = offset
        while true {
            guard position < end else { throw truncated() }
            let byte = byte(bytes, at: position)
            position &+= 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { break }
            shift &+= 7
            guard shift < 35 else { throw malformedTag() }
        }
        guard value >= 8, value <= UInt64(UInt32.max) else { throw malformedTag() }
        offset = position
        return UInt32(value)
    }

    /// A varint of up to ten bytes; bits beyond the 64th are lost, as in M3.
    @inlinable @inline(__always)
    mutating func varint(_ bytes: RawSpan) throws(WireError) -> UInt64 {
        guard offset < end else { throw truncated() }
        let first = byte(bytes, at: offset)
        if first < 0x80 {
            offset &+= 1
            return UInt64(first)
        }
        return try longVarint(bytes)
    }

    @inlinable @inline(never)
    mutating func longVarint(_ bytes: RawSpan) throws(WireError) -> UInt64 {
        guard end &- offset >= 10 else { return try longVarintAtTheEnd(bytes) }
        // Times take nine bytes, so that the first eight are worth taking at once: their 7-bit groups are pushed together
        // in pairs, fours and eights.
        let word = UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
        let stops = ~word & 0x8080_8080_8080_8080
        var groups = word & 0x7f7f_7f7f_7f7f_7f7f
        if stops != 0 { groups &= stops ^ (stops &- 1) }
        groups = (groups & 0x007f_007f_007f_007f) | ((groups & 0x7f00_7f00_7f00_7f00) >> 1)
        groups = (groups & 0x0000_3fff_0000_3fff) | ((groups & 0x3fff_0000_3fff_0000) >> 2)
        groups = (groups & 0x0000_0000_0fff_ffff) | ((groups & 0x0fff_ffff_0000_0000) >> 4)
        if stops != 0 {
            offset &+= stops.trailingZeroBitCount >> 3 &+ 1
            return groups
        }
        let ninth = byte(bytes, at: offset &+ 8)
        groups |= UInt64(ninth & 0x7f) &<< 56
        if ninth < 0x80 {
            offset &+= 9
            return groups
        }
        let tenth = byte(bytes, at: offset &+ 9)
        guard tenth < 0x80 else { throw malformedVarint() }
        offset &+= 10
        return groups | UInt64(tenth) &<< 63
    }

    @inlinable @inline(never)
    mutating func longVarintAtTheEnd(_ bytes: RawSpan) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var position = offset
        while true {
            guard position < end else { throw truncated() }
            let byte = byte(bytes, at: position)
            position &+= 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { break }
            shift &+= 7
            guard shift < 70 else { throw malformedVarint() }
        }
        offset = position
        return value
    }

    @inlinable @inline(__always)
    mutating func fixed64(_ bytes: RawSpan) throws(WireError) -> UInt64 {
        guard end &- offset >= 8 else { throw truncated() }
        let bits = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
        offset &+= 8
        return UInt64(littleEndian: bits)
    }

    @inlinable @inline(__always)
    mutating func double(_ bytes: RawSpan) throws(WireError) -> Double {
        Double(bitPattern: try fixed64(bytes))
    }

    /// The range of a length-delimited field's contents; the cursor moves behind them.
    @inlinable @inline(__always)
    mutating func lengthDelimited(_ bytes: RawSpan) throws(WireError) -> ByteRange {
        guard offset < end else { throw truncated() }
        let first = byte(bytes, at: offset)
        var start = offset &+ 1
        var length = Int(first)
        if first >= 0x80 { (length, start) = try longLength(bytes) }
        guard length <= end &- start else { throw truncated() }
        offset = start &+ length
        return ByteRange(offset: start, count: length)
    }

    /// A length of two to five bytes and the offset behind it.
    @inlinable @inline(never)
    func longLength(_ bytes: RawSpan) throws(WireError) -> (length: Int, start: Int) {
        var value = 0
        var shift = 0
        var position = offset
        while true {
            guard position < end else { throw truncated() }
            let byte = byte(bytes, at: position)
            position &+= 1
            value |= Int(byte & 0x7f) &<< shift
            if byte < 0x80 { return (value, position) }
            shift &+= 7
            guard shift < 35 else { throw malformedVarint() }
        }
    }

    /// A cursor over the contents of the sub-message that comes next.
    @inlinable @inline(__always)
    mutating func submessage(_ name: StaticString, _ bytes: RawSpan) throws(WireError) -> WireCursor {
        WireCursor(unchecked: name, try lengthDelimited(bytes))
    }

    @inlinable @inline(__always)
    init(unchecked message: StaticString, _ range: ByteRange) {
        self.message = message
        offset = range.offset
        end = range.end
    }

    /// Passes over a field that the caller has no case for.
    /// - Parameter lastKnown: fields 1 to this are known: for them any tag that gets here has the wrong wire type.
    @inlinable @inline(never)
    mutating func skip(_ tag: UInt32, lastKnown: UInt32, _ bytes: RawSpan) throws(WireError) {
        guard tag >> 3 > lastKnown else { throw wrongWireType(tag) }
        switch tag & 7 {
        case 0: _ = try varint(bytes)
        case 1:
            guard end &- offset >= 8 else { throw truncated() }
            offset &+= 8
        case 2: _ = try lengthDelimited(bytes)
        case 5:
            guard end &- offset >= 4 else { throw truncated() }
            offset &+= 4
        default: throw wrongWireType(tag)
        }
    }
}
