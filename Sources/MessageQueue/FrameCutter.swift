import NIOCore
import WireFormat

/// Cuts a byte stream into frames: a 4-byte big-endian length and that many bytes.
///
/// Frames that lie wholly in one read are found in place. Only a frame that crosses reads is copied, into a buffer of its
/// own that grows with the bytes that arrive, not with the length that the peer declares.
struct FrameCutter {
    enum Failure: Error, Equatable {
        case frameTooLarge(bytes: Int, limit: Int)
    }

    struct Cut {
        /// The contents of the frame that began in an earlier read, when this read completed it. It precedes all others.
        var carried: ByteBuffer?
        /// Set when the stream can't be followed any further. Frames found before it are good.
        var failure: Failure?
    }

    private static let prefixBytes = 4
    private let maxFrameBytes: Int
    private var partial = ByteBuffer()
    private var failed = false

    init(maxFrameBytes: Int) { self.maxFrameBytes = maxFrameBytes }

    /// True while a frame has begun and not ended.
    var isMidFrame: Bool { partial.readableBytes > 0 }

    /// Bytes allocated for the partial frame.
    var partialCapacity: Int { partial.storageCapacity }

    /// Takes the next bytes of the stream and appends to `frames` the contents of the frames that begin and end in them,
    /// as ranges from `read`'s reader index. After a failure it ignores what follows.
    mutating func cut(_ read: ByteBuffer, into frames: inout [ByteRange]) -> Cut {
        var cut = Cut()
        guard !failed else { return cut }
        var offset = 0
        let count = read.readableBytes
        read.withUnsafeReadableBytes { bytes in
            if partial.readableBytes > 0 {
                guard completePartial(from: bytes, at: &offset, into: &cut) else { return }
            }
            while count - offset >= Self.prefixBytes {
                let size = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                guard size <= maxFrameBytes else {
                    cut.failure = fail(size)
                    return
                }
                guard size <= count - offset - Self.prefixBytes else { break }
                frames.append(ByteRange(offset: offset + Self.prefixBytes, count: size))
                offset += Self.prefixBytes + size
            }
            if offset < count { partial.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[offset...])) }
        }
        return cut
    }

    /// Adds bytes to the partial frame; false when nothing is left to do with this read.
    private mutating func completePartial(
        from bytes: UnsafeRawBufferPointer, at offset: inout Int, into cut: inout Cut
    ) -> Bool {
        take(Self.prefixBytes - partial.readableBytes, from: bytes, at: &offset)
        guard let prefix = partial.getInteger(at: partial.readerIndex, as: UInt32.self) else { return false }
        let size = Int(prefix)
        guard size <= maxFrameBytes else {
            cut.failure = fail(size)
            return false
        }
        take(Self.prefixBytes + size - partial.readableBytes, from: bytes, at: &offset)
        guard partial.readableBytes == Self.prefixBytes + size else { return false }
        partial.moveReaderIndex(forwardBy: Self.prefixBytes)
        cut.carried = partial
        partial = ByteBuffer()
        return true
    }

    private mutating func take(_ wanted: Int, from bytes: UnsafeRawBufferPointer, at offset: inout Int) {
        let count = min(wanted, bytes.count - offset)
        guard count > 0 else { return }
        partial.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
        offset += count
    }

    private mutating func fail(_ size: Int) -> Failure {
        failed = true
        partial = ByteBuffer()
        return .frameTooLarge(bytes: size, limit: maxFrameBytes)
    }
}
