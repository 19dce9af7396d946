import CSnappy

/// Snappy's block format, as remote write and remote read use it.
public enum Snappy {
    /// Decompresses a block.
    /// - Parameter limit: the largest size, in bytes; what the block declares is checked before anything is allocated.
    /// - Throws: ``WireError/limitExceeded(field:value:limit:)``, ``WireError/malformedSnappy(count:)``
    public static func decompress(_ block: RawSpan, limit: Int) throws(WireError) -> [UInt8] {
        let size = block.withUnsafeBytes { bytes -> Int? in
            var size = 0
            let status = snappy_uncompressed_length(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &size)
            return status == SNAPPY_OK ? size : nil
        }
        guard let size else { throw .malformedSnappy(count: block.byteCount) }
        guard size <= limit else { throw .limitExceeded(field: "decompressed bytes", value: size, limit: limit) }
        let decompressed = block.withUnsafeBytes { bytes in
            [UInt8](unsafeUninitializedCapacity: size) { output, count in
                output.withMemoryRebound(to: CChar.self) { output in
                    var written = size
                    let status = snappy_uncompress(
                        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, output.baseAddress,
                        &written)
                    count = status == SNAPPY_OK ? written : 0
                }
            }
        }
        guard decompressed.count == size else { throw .malformedSnappy(count: block.byteCount) }
        return decompressed
    }

    /// Compresses bytes to one block.
    public static func compress(_ bytes: RawSpan) -> [UInt8] {
        let capacity = snappy_max_compressed_length(bytes.byteCount)
        return bytes.withUnsafeBytes { input in
            [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
                output.withMemoryRebound(to: CChar.self) { output in
                    var written = capacity
                    // It fails only when the output is too small, and that is what the capacity rules out.
                    let status = snappy_compress(
                        input.baseAddress?.assumingMemoryBound(to: CChar.self), input.count, output.baseAddress,
                        &written)
                    precondition(status == SNAPPY_OK, "snappy_compress refused a buffer of its own size")
                    count = written
                }
            }
        }
    }
}
