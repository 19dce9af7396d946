/// The samples of one write for one block, as they are kept in the family `open` until the block is sealed.
///
/// A header of 16 bytes (format, flags, number of samples) and 16 bytes per sample: series id, milliseconds since the
/// start of the block, bits of the value; all little-endian. The flags have room for further columns.
struct OpenRecord {
    struct Sample: Equatable {
        var series: UInt32
        var offset: UInt32
        var bits: UInt64
    }

    static let format: UInt32 = 1
    private static let headerBytes = 16

    let block: BlockID
    private(set) var samples: ContiguousArray<Sample>

    init(block: BlockID) {
        self.block = block
        // The first element is the header's place.
        samples = [Sample(series: Self.format.littleEndian, offset: 0, bits: 0)]
    }

    var count: Int { samples.count - 1 }

    @inline(__always) mutating func append(series: UInt32, offset: UInt32, bits: UInt64) {
        samples.append(
            Sample(series: series.littleEndian, offset: offset.littleEndian, bits: bits.littleEndian))
    }

    mutating func withEncodedBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        samples[0].bits = UInt64(count).littleEndian
        samples.withUnsafeBytes(body)
    }

    /// Hands out samples `range` of the record.
    @inline(__always) func forEach(in range: Range<Int>, _ body: (Sample) -> Void) {
        samples.withUnsafeBufferPointer { samples in
            for index in range { body(Self.fromLittleEndian(samples[index &+ 1])) }
        }
    }

    private static func fromLittleEndian(_ sample: Sample) -> Sample {
        Sample(
            series: UInt32(littleEndian: sample.series), offset: UInt32(littleEndian: sample.offset),
            bits: UInt64(littleEndian: sample.bits))
    }

    /// Reads a stored record and hands out its samples.
    /// - Returns: whether the bytes are a record; the body is not called when they are not.
    static func read(_ bytes: UnsafeRawBufferPointer, _ body: (Sample) -> Void) -> Bool {
        guard bytes.count >= headerBytes, (bytes.count - headerBytes).isMultiple(of: 16) else { return false }
        let header = fromLittleEndian(bytes.loadUnaligned(fromByteOffset: 0, as: Sample.self))
        let count = (bytes.count - headerBytes) / 16
        guard header.series == format, header.offset == 0, header.bits == UInt64(count) else { return false }
        for index in 0..<count {
            body(fromLittleEndian(bytes.loadUnaligned(fromByteOffset: headerBytes + index * 16, as: Sample.self)))
        }
        return true
    }
}
