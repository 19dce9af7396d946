import CZstd

/// Zstandard frames, in which M3 may store a placement.
enum ZstdFrame {
    /// Bytes that a placement may take uncompressed: 65,536 shards on each of 3 replicas fit well, a compression bomb doesn't.
    static let maxDecompressedBytes = 32 * 1_048_576

    /// Throws `undecodable` for damaged input or more bytes than the limit. The buffer grows with what comes out, so a frame
    /// that merely declares a large size costs nothing.
    static func decompress(
        _ bytes: [UInt8], what: String, limit: Int = maxDecompressedBytes
    ) throws(ClusterError) -> [UInt8] {
        guard let stream = ZSTD_createDStream() else {
            throw .undecodable(what: what, reason: "zstd: out of memory")
        }
        defer { ZSTD_freeDStream(stream) }

        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize())
        var consumed = 0
        while true {
            let (status, produced, position) = bytes.withUnsafeBytes { source in
                chunk.withUnsafeMutableBytes { target in
                    var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: consumed)
                    var out = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    let status = ZSTD_decompressStream(stream, &out, &input)
                    return (status, out.pos, input.pos)
                }
            }
            guard ZSTD_isError(status) == 0 else {
                throw .undecodable(what: what, reason: "zstd: \(String(cString: ZSTD_getErrorName(status)))")
            }
            guard output.count + produced <= limit else {
                throw .undecodable(what: what, reason: "zstd: more than \(limit) bytes when decompressed")
            }
            output.append(contentsOf: chunk[..<produced])
            if status == 0 { return output }
            guard produced > 0 || position > consumed else {
                throw .undecodable(what: what, reason: "zstd: the frame is cut short")
            }
            consumed = position
        }
    }
}
