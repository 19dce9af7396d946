/// Frames of the raw TCP ingest, M3's legacy protocol: a size as zigzag varint and that many bytes of one payload.
/// Source: `docs/wire-formats.md`.
public enum RawTCPFrame {
    /// The largest payload at either end of M3 unless configured otherwise.
    public static let defaultMaxBytes = 52_428_800

    /// Bytes of the longest varint.
    public static let maxPrefixBytes = 10

    /// A size and the bytes that it took.
    public struct Prefix: Sendable, Hashable {
        public var size: Int
        public var prefixBytes: Int
    }

    /// Reads the size that stands at an offset, or nil while not all of it is there.
    /// - Throws: ``RawTCPFrameError``; nothing that follows in the stream can be read then.
    public static func readPrefix(
        _ bytes: RawSpan, at offset: Int, maxBytes: Int = defaultMaxBytes
    ) throws(RawTCPFrameError) -> Prefix? {
        var raw: UInt64 = 0
        var position = offset
        while position < bytes.byteCount {
            let index = position &- offset
            let byte = bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
            // The tenth byte has room for one bit.
            guard index < maxPrefixBytes &- 1 || (index == maxPrefixBytes &- 1 && byte <= 1) else {
                throw .malformedSize
            }
            raw |= UInt64(byte & 0x7f) &<< UInt64(7 &* index)
            position &+= 1
            guard byte & 0x80 != 0 else {
                return Prefix(size: try checked(unzigzag(raw), maxBytes), prefixBytes: position &- offset)
            }
        }
        return nil
    }

    /// Appends a payload with its size.
    public static func append(_ payload: RawSpan, to writer: inout ByteWriter) {
        writer.appendVarint(UInt64(payload.byteCount) &<< 1)
        writer.append(contentsOf: payload)
    }

    private static func unzigzag(_ raw: UInt64) -> Int64 {
        Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    private static func checked(_ size: Int64, _ limit: Int) throws(RawTCPFrameError) -> Int {
        guard size <= Int64(limit) else { throw .tooLarge(size: size, limit: limit) }
        guard size > 0 else { throw .zeroOrNegative(size: size) }
        return Int(size)
    }
}

/// Why a stream of raw TCP frames can't be followed any further.
public enum RawTCPFrameError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLarge(size: Int64, limit: Int)
    case zeroOrNegative(size: Int64)
    /// A size of more than 64 bits.
    case malformedSize

    /// A stable name for counters.
    public var reason: String {
        switch self {
        case .tooLarge: "frame_too_large"
        case .zeroOrNegative: "frame_size_not_positive"
        case .malformedSize: "malformed_frame_size"
        }
    }

    /// M3's words, for those who search logs for them.
    public var description: String {
        switch self {
        case .tooLarge(let size, let limit):
            "decoded message size \(size) is larger than supported max message size \(limit)"
        case .zeroOrNegative(let size): "decoded message size \(size) is zero or negative"
        case .malformedSize: "decoded message size has more than 64 bits"
        }
    }
}

extension MessageView {
    /// A payload that came without an m3msg frame: nobody waits for its acknowledgement.
    /// - Parameter shard: any number whose remainder by the number of shards is the payload's shard, such as its hash.
    public init(unframed value: ByteRange, shard: UInt64) {
        self.init(
            shard: shard, id: 0, sentAtNanos: 0, producerEpoch: 0, metadata: .empty, metadataIsScattered: false,
            value: value)
    }
}
