/// One change in the embedded store's log.
///
/// On disk: body length, CRC32C of those four bytes, CRC32C of the body (all 32-bit little-endian), then the body: kind (1
/// byte), version and revision (64-bit little-endian), key length (32-bit little-endian), key, value. The length has a checksum
/// of its own so that a damaged length isn't mistaken for a record that the crash cut short.
struct LogRecord: Equatable {
    enum Kind: UInt8 {
        case put = 1
        case delete = 2
        /// No key: carries the store's revision over a compaction, which forgets deleted keys.
        case revision = 3
    }

    var kind: Kind
    var version: Int64
    var revision: Int64
    var key: String
    var value: [UInt8]

    static let headerBytes = 12
    static let fixedBodyBytes = 21
    static let maxBodyBytes = fixedBodyBytes + KeyValueLimits.maxKeyBytes + KeyValueLimits.maxValueBytes

    var encodedBytes: Int { Self.headerBytes + Self.fixedBodyBytes + key.utf8.count + value.count }

    func append(to out: inout [UInt8]) {
        var body: [UInt8] = []
        body.reserveCapacity(encodedBytes - Self.headerBytes)
        body.append(kind.rawValue)
        body.append(littleEndian: UInt64(bitPattern: version))
        body.append(littleEndian: UInt64(bitPattern: revision))
        body.append(littleEndian: UInt32(truncatingIfNeeded: key.utf8.count))
        body.append(contentsOf: key.utf8)
        body.append(contentsOf: value)

        let start = out.count
        out.append(littleEndian: UInt32(truncatingIfNeeded: body.count))
        out.append(littleEndian: CRC32C.checksum(out[start...]))
        out.append(littleEndian: CRC32C.checksum(body[...]))
        out.append(contentsOf: body)
    }

    /// The record at `offset` and the offset behind it; nil when there is no whole, undamaged one.
    static func read(_ bytes: [UInt8], at offset: Int) -> (record: LogRecord, end: Int)? {
        guard bytes.count - offset >= headerBytes else { return nil }
        guard bytes.littleEndian32(at: offset + 4) == CRC32C.checksum(bytes[offset..<offset + 4]) else { return nil }
        let length = Int(bytes.littleEndian32(at: offset))
        let bodyStart = offset + headerBytes
        guard length >= fixedBodyBytes, length <= maxBodyBytes, bytes.count - bodyStart >= length else { return nil }
        let end = bodyStart + length
        guard bytes.littleEndian32(at: offset + 8) == CRC32C.checksum(bytes[bodyStart..<end]) else { return nil }

        guard let kind = Kind(rawValue: bytes[bodyStart]) else { return nil }
        let keyBytes = Int(bytes.littleEndian32(at: bodyStart + 17))
        let keyStart = bodyStart + fixedBodyBytes
        guard keyBytes <= end - keyStart else { return nil }
        guard let key = String(validating: bytes[keyStart..<keyStart + keyBytes], as: UTF8.self) else { return nil }
        let record = LogRecord(
            kind: kind,
            version: Int64(bitPattern: bytes.littleEndian64(at: bodyStart + 1)),
            revision: Int64(bitPattern: bytes.littleEndian64(at: bodyStart + 9)),
            key: key,
            value: Array(bytes[(keyStart + keyBytes)..<end]))
        return (record, end)
    }

    /// Whether a whole record starts anywhere at or behind `offset`.
    static func anyRecord(in bytes: [UInt8], from offset: Int) -> Bool {
        var candidate = offset
        while candidate <= bytes.count - headerBytes {
            if read(bytes, at: candidate) != nil { return true }
            candidate += 1
        }
        return false
    }
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate func littleEndian32(at offset: Int) -> UInt32 {
        withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    }

    fileprivate func littleEndian64(at offset: Int) -> UInt64 {
        withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
}
