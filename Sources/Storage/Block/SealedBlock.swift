import Metrics

/// What is known of a block whose samples are on disk: the series it holds, and how many times it was sealed since
/// its chunks were last folded into one per series.
final class SealedBlock {
    var series: SeriesBitmap
    var generations: UInt32
    /// When it was last sealed, or found at the start.
    var lastSealMs: Int64

    init(series: SeriesBitmap, generations: UInt32, lastSealMs: Int64) {
        self.series = series
        self.generations = generations
        self.lastSealMs = lastSealMs
    }

    private static let format: UInt8 = 1
    private static let headerBytes = 5
    private static let checkBytes = 8

    /// Format (1 byte), generations (4, little-endian), the bitmap, and 8 bytes of hash over all of it.
    static func encode(series: SeriesBitmap, generations: UInt32) -> [UInt8] {
        var bytes: [UInt8] = [format]
        withUnsafeBytes(of: generations.littleEndian) { bytes.append(contentsOf: $0) }
        bytes += series.serialized()
        withUnsafeBytes(of: Wyhash.hash(bytes).littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> (series: SeriesBitmap, generations: UInt32)? {
        guard bytes.count >= headerBytes + checkBytes, bytes[0] == format else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - checkBytes)])
        let check = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: content.count, as: UInt64.self))
        guard check == Wyhash.hash(content),
            let series = SeriesBitmap(serialized: UnsafeRawBufferPointer(rebasing: content[headerBytes...]))
        else { return nil }
        return (series, UInt32(littleEndian: content.loadUnaligned(fromByteOffset: 1, as: UInt32.self)))
    }
}
