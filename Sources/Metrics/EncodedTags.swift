/// M3's tag serialisation, the form of metric ids between coordinator and aggregator.
///
/// Layout (all numbers little-endian 16 bit): magic 10101, number of tags, then for each tag the length and bytes of
/// its name and of its value. Names are not empty; order and uniqueness are the writer's affair (``Labels`` insists on
/// both). Bytes behind the last declared tag are not looked at, as in M3, which appends type suffixes there.
/// Source: `docs/ids-and-tags.md`.
public enum EncodedTags {
    public static let magic: UInt16 = 10_101
    /// Magic and number of tags.
    public static let headerBytes = 4
    public static let maxTags = 65_535
    /// The longest name or value in bytes.
    public static let maxLiteralBytes = 65_535

    /// Writes tags one after the other, in the caller's order. Reusable after ``reset()``.
    public struct Builder: Sendable {
        /// The encoded tags so far: at every moment a whole and valid id.
        public private(set) var bytes: [UInt8] = [0x75, 0x27, 0, 0]
        public private(set) var count = 0

        public init() {}

        /// Back to no tags; the memory is kept.
        public mutating func reset() {
            bytes.removeSubrange(EncodedTags.headerBytes...)
            setCount(0)
        }

        /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` for an empty name, a name or value over
        ///   ``EncodedTags/maxLiteralBytes``, or more than ``EncodedTags/maxTags``; nothing is written then.
        public mutating func append(
            name: some Collection<UInt8>, value: some Collection<UInt8>
        ) throws(MetricsError) {
            let nameCount = name.count
            let valueCount = value.count
            guard nameCount > 0 else { throw .invalidEncodedTags("tag name cannot be empty") }
            guard nameCount <= EncodedTags.maxLiteralBytes, valueCount <= EncodedTags.maxLiteralBytes
            else {
                throw .invalidEncodedTags(
                    "literal is too long: \(Swift.max(nameCount, valueCount)) bytes, at most \(EncodedTags.maxLiteralBytes)"
                )
            }
            guard count < EncodedTags.maxTags else {
                throw .invalidEncodedTags("more than \(EncodedTags.maxTags) tags")
            }
            appendLength(nameCount)
            bytes.append(contentsOf: name)
            appendLength(valueCount)
            bytes.append(contentsOf: value)
            setCount(count + 1)
        }

        private mutating func appendLength(_ length: Int) {
            bytes.append(UInt8(truncatingIfNeeded: length))
            bytes.append(UInt8(truncatingIfNeeded: length >> 8))
        }

        private mutating func setCount(_ count: Int) {
            self.count = count
            bytes[2] = UInt8(truncatingIfNeeded: count)
            bytes[3] = UInt8(truncatingIfNeeded: count >> 8)
        }
    }

    /// Walks over the tags of some bytes without copying them.
    public struct Iterator {
        @usableFromInline let bytes: UnsafeRawBufferPointer
        /// The number of tags that the header declares.
        public let count: Int
        @usableFromInline var remaining: Int
        /// Where the next tag starts; after the last one, the length of the encoded tags.
        public private(set) var offset: Int

        /// - Parameter bytes: must outlive the iterator; offsets are relative to its start.
        /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` when the header is short or the magic wrong.
        public init(_ bytes: UnsafeRawBufferPointer) throws(MetricsError) {
            guard bytes.count >= EncodedTags.headerBytes else {
                throw .invalidEncodedTags("\(bytes.count) bytes are less than the header of 4")
            }
            let magic = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt16.self))
            guard magic == EncodedTags.magic else {
                throw .invalidEncodedTags(
                    "header magic number \(magic) does not match \(EncodedTags.magic)")
            }
            self.bytes = bytes
            count = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            remaining = count
            offset = EncodedTags.headerBytes
        }

        /// The next tag as offsets into the bytes, or nil after the last declared one.
        /// - Throws: ``MetricsError/invalidEncodedTags(_:)`` when bytes are missing or a name is empty.
        public mutating func next() throws(MetricsError) -> (name: Range<Int>, value: Range<Int>)? {
            if remaining == 0 { return nil }
            let name = try literal(at: offset)
            if name.isEmpty { throw .invalidEncodedTags("tag name cannot be empty") }
            let value = try literal(at: name.upperBound)
            offset = value.upperBound
            remaining &-= 1
            return (name, value)
        }

        private func literal(at offset: Int) throws(MetricsError) -> Range<Int> {
            guard bytes.count &- offset >= 2 else {
                throw .invalidEncodedTags("truncated at byte \(bytes.count): a length is missing")
            }
            let length = Int(
                UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
            let start = offset &+ 2
            guard bytes.count &- start >= length else {
                throw .invalidEncodedTags(
                    "truncated: a name or value of \(length) bytes at byte \(start) exceeds the \(bytes.count) there are"
                )
            }
            return start..<(start &+ length)
        }
    }
}
