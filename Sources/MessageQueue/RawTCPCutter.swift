import NIOCore
import WireFormat

/// Cuts a byte stream into raw TCP frames.
///
/// Frames that lie wholly in one read are found in place. Only a frame that crosses reads is copied, into a buffer of its
/// own that grows with the bytes that arrive, not with the size that the peer declares.
struct RawTCPCutter {
    struct Cut {
        /// The payload that began in an earlier read, when this read completed it. It precedes all others.
        var carried: ByteBuffer?
        /// Set when the stream can't be followed any further. Payloads found before it are good.
        var failure: RawTCPFrameError?
    }

    private let maxFrameBytes: Int
    private var partial = ByteBuffer()
    private var failed = false

    init(maxFrameBytes: Int) { self.maxFrameBytes = maxFrameBytes }

    /// True while a frame has begun and not ended.
    var isMidFrame: Bool { partial.readableBytes > 0 }

    /// Bytes allocated for the partial frame.
    var partialCapacity: Int { partial.storageCapacity }

    /// Takes the next bytes of the stream and appends to `payloads` those that begin and end in them, as ranges from
    /// `read`'s reader index. After a failure it ignores what follows.
    mutating func cut(_ read: ByteBuffer, into payloads: inout [ByteRange]) -> Cut {
        var cut = Cut()
        guard !failed else { return cut }
        read.withUnsafeReadableBytes { bytes in
            do throws(RawTCPFrameError) {
                try self.cut(bytes, into: &payloads, &cut)
            } catch {
                failed = true
                partial = ByteBuffer()
                cut.failure = error
            }
        }
        return cut
    }

    private mutating func cut(
        _ bytes: UnsafeRawBufferPointer, into payloads: inout [ByteRange], _ cut: inout Cut
    ) throws(RawTCPFrameError) {
        var offset = 0
        if partial.readableBytes > 0 {
            guard try completePartial(from: bytes, at: &offset, &cut) else { return }
        }
        while offset < bytes.count {
            guard let prefix = try RawTCPFrame.readPrefix(bytes.bytes, at: offset, maxBytes: maxFrameBytes),
                prefix.size <= bytes.count - offset - prefix.prefixBytes
            else { break }
            payloads.append(ByteRange(offset: offset + prefix.prefixBytes, count: prefix.size))
            offset += prefix.prefixBytes + prefix.size
        }
        if offset < bytes.count { partial.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[offset...])) }
    }

    /// Adds bytes to the partial frame; false when nothing is left to do with this read.
    private mutating func completePartial(
        from bytes: UnsafeRawBufferPointer, at offset: inout Int, _ cut: inout Cut
    ) throws(RawTCPFrameError) -> Bool {
        var prefix = try readPartialPrefix()
        while prefix == nil, offset < bytes.count {
            partial.writeInteger(bytes[offset])
            offset += 1
            prefix = try readPartialPrefix()
        }
        guard let prefix else { return false }
        let missing = prefix.prefixBytes + prefix.size - partial.readableBytes
        let count = min(missing, bytes.count - offset)
        partial.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
        offset += count
        guard count == missing else { return false }
        partial.moveReaderIndex(forwardBy: prefix.prefixBytes)
        cut.carried = partial
        partial = ByteBuffer()
        return true
    }

    private func readPartialPrefix() throws(RawTCPFrameError) -> RawTCPFrame.Prefix? {
        let limit = maxFrameBytes
        let result = partial.withUnsafeReadableBytes { bytes -> Result<RawTCPFrame.Prefix?, RawTCPFrameError> in
            do throws(RawTCPFrameError) {
                return .success(try RawTCPFrame.readPrefix(bytes.bytes, at: 0, maxBytes: limit))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
