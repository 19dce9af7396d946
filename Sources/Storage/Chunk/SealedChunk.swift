import Metrics

/// A chunk as it is kept on disk: format (1 byte), number of samples (varint), the stream of ``ChunkEncoder``, and
/// 4 bytes of hash over all of it, so that a damaged chunk is noticed and never served as samples.
enum SealedChunk {
    static let format: UInt8 = 1
    private static let checkBytes = 4

    /// Starts a chunk: the stream comes behind it, then ``finish(_:)``.
    static func begin(count: Int, into bytes: inout [UInt8]) {
        bytes.append(format)
        var rest = UInt64(truncatingIfNeeded: count)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    static func finish(_ bytes: inout [UInt8]) {
        let check = UInt32(truncatingIfNeeded: Wyhash.hash(bytes))
        withUnsafeBytes(of: check.littleEndian) { bytes.append(contentsOf: $0) }
    }

    static func encode(_ encoder: ChunkEncoder, slabs: WordSlabs) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(encoder.wordCount) * 4 + 16)
        begin(count: Int(encoder.count), into: &bytes)
        encoder.copyStream(from: slabs, to: &bytes)
        finish(&bytes)
        return bytes
    }

    /// Encodes samples in ascending order of time, none twice.
    static func encode(_ samples: some Sequence<(offset: UInt32, bits: UInt64)>) -> [UInt8] {
        let slabs = WordSlabs()
        var encoder = ChunkEncoder()
        for sample in samples { encoder.append(offset: sample.offset, bits: sample.bits, slabs: slabs) }
        return encode(encoder, slabs: slabs)
    }

    /// Hands every sample to the body, with its offset in milliseconds since the start of the block.
    /// - Returns: what is wrong with the chunk; some samples may have been handed out even so.
    @inline(__always)
    static func decode(
        _ chunk: [UInt8], _ body: (_ offset: UInt32, _ bits: UInt64) -> Void
    ) -> ChunkDecoder.Failure? {
        chunk.withUnsafeBytes { bytes in
            do throws(ChunkDecoder.Failure) {
                try decode(bytes, body)
                return nil
            } catch {
                return error
            }
        }
    }

    @inline(__always)
    private static func decode(
        _ bytes: UnsafeRawBufferPointer, _ body: (_ offset: UInt32, _ bits: UInt64) -> Void
    ) throws(ChunkDecoder.Failure) {
        guard bytes.count > checkBytes + 1, bytes[0] == format else { throw .invalidHeader }
        let end = bytes.count &- checkBytes
        let content = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        let check = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt32.self))
        guard check == UInt32(truncatingIfNeeded: Wyhash.hash(content)) else { throw .checksum }
        var position = 1
        var count = 0
        var shift = 0
        while true {
            guard position < end, shift <= 28 else { throw .invalidHeader }
            let byte = content[position]
            position &+= 1
            count |= Int(byte & 0x7F) << shift
            shift &+= 7
            if byte < 0x80 { break }
        }
        try ChunkDecoder.decode(UnsafeRawBufferPointer(rebasing: content[position...]), count: count, body)
    }
}
