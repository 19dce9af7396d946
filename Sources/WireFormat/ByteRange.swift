/// A part of the bytes that a view was read from: an offset and a length, both in bytes and never negative in a range
/// that a reader of this module made.
public struct ByteRange: Sendable, Hashable {
    public var offset: Int
    public var count: Int

    @inlinable public init(offset: Int, count: Int) {
        self.offset = offset
        self.count = count
    }

    /// The offset behind the last byte.
    @inlinable public var end: Int { offset &+ count }

    @inlinable public var isEmpty: Bool { count == 0 }

    /// No bytes, at the start.
    @inlinable public static var empty: ByteRange { ByteRange(offset: 0, count: 0) }

    /// All bytes of a span.
    @inlinable public static func all(of bytes: RawSpan) -> ByteRange {
        ByteRange(offset: 0, count: bytes.byteCount)
    }

    /// Whether the range lies in a span of that many bytes.
    @inlinable public func lies(within byteCount: Int) -> Bool {
        offset >= 0 && count >= 0 && offset <= byteCount && count <= byteCount &- offset
    }

    /// A copy of the bytes.
    /// - Precondition: the range lies within `bytes`; ranges out of a view do for the bytes that the view was read from.
    public func array(from bytes: RawSpan) -> [UInt8] {
        precondition(lies(within: bytes.byteCount), "range \(offset)+\(count) outside of \(bytes.byteCount) bytes")
        return bytes.withUnsafeBytes { [UInt8](UnsafeRawBufferPointer(rebasing: $0[offset..<end])) }
    }

    /// Lends the bytes without a copy.
    /// - Precondition: as for ``array(from:)``.
    @inlinable
    public func withBytes<R>(of bytes: RawSpan, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        precondition(lies(within: bytes.byteCount), "range outside of the bytes")
        return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[offset..<end])) }
    }
}
