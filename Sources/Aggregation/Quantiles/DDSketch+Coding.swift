/// A sketch as bytes, to be kept or handed on within m3agg; other programs' sketches are not read.
///
/// Layout, numbers as unsigned LEB128 unless they are floats (8 bytes, little-endian): version 1 · relative error
/// (float) · least (float) · greatest (float) · number of NaNs, zeros, negative and positive infinities · the negative
/// and the positive buckets, each as: number of buckets; if more than 0, the zigzag of the highest bucket, then counts
/// from the highest bucket downwards. Source: `docs/aggregations.md`.
extension DDSketch {
    private static let version: UInt8 = 1

    /// The bytes of the sketch; equal sketches have equal bytes.
    public func encoded() -> [UInt8] {
        var bytes = [Self.version]
        for value in [mapping.relativeError, least, greatest] { Self.append(value, to: &bytes) }
        for number in [nanCount, zeroCount, negativeInfinityCount, positiveInfinityCount] {
            Self.append(number, to: &bytes)
        }
        for store in [negative, positive] { Self.append(store, to: &bytes) }
        return bytes
    }

    /// Reads bytes of ``encoded()``.
    /// - Throws: ``DDSketchError/malformed(_:)`` for anything else; no input makes it allocate more than its own
    ///   size and two full sets of buckets.
    public init(encoded bytes: [UInt8]) throws(DDSketchError) {
        var reader = Reader(bytes: bytes)
        let version = try reader.byte()
        guard version == Self.version else { throw .malformed("version \(version) is not \(Self.version)") }
        let relativeError = try reader.double()
        guard relativeError >= 0.0001 && relativeError <= 0.5 else {
            throw .malformed("relative error \(relativeError) is not in 0.0001...0.5")
        }
        self.init(relativeError: relativeError)
        least = try reader.double()
        greatest = try reader.double()
        nanCount = try reader.number()
        zeroCount = try reader.number()
        negativeInfinityCount = try reader.number()
        positiveInfinityCount = try reader.number()
        let negativeCount = try reader.buckets(into: &negative)
        let positiveCount = try reader.buckets(into: &positive)
        guard reader.isAtEnd else { throw .malformed("there are bytes behind its end") }
        for part in [zeroCount, negativeInfinityCount, positiveInfinityCount, negativeCount, positiveCount] {
            let (sum, overflow) = count.addingReportingOverflow(part)
            if overflow { throw .malformed("its counts exceed 64 bits") }
            count = sum
        }
        guard count == 0 ? least > greatest : least <= greatest else {
            throw .malformed("min \(least) and max \(greatest) do not fit \(count) values")
        }
    }

    private static func append(_ value: Double, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func append(_ store: BucketStore, to bytes: inout [UInt8]) {
        var lowest: Int?
        store.forEachAscending({ index, _ in
            lowest = index
            return false
        })
        guard let lowest else {
            bytes.append(0)
            return
        }
        append(UInt64(store.highest - lowest + 1), to: &bytes)
        let highest = Int64(store.highest)
        append(UInt64(bitPattern: highest << 1 ^ highest >> 63), to: &bytes)
        for slot in stride(from: store.highest - store.offset, through: lowest - store.offset, by: -1) {
            append(store.counts[slot], to: &bytes)
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var next = 0

        var isAtEnd: Bool { next == bytes.count }

        mutating func byte() throws(DDSketchError) -> UInt8 {
            guard next < bytes.count else { throw .malformed("it ends at byte \(next)") }
            defer { next += 1 }
            return bytes[next]
        }

        mutating func double() throws(DDSketchError) -> Double {
            var bits: UInt64 = 0
            for shift in stride(from: 0, to: 64, by: 8) { bits |= UInt64(try byte()) << UInt64(shift) }
            return Double(bitPattern: bits)
        }

        mutating func number() throws(DDSketchError) -> UInt64 {
            var number: UInt64 = 0
            for shift in stride(from: 0, to: 70, by: 7) {
                let part = try byte()
                if shift == 63 && part > 1 { break }
                number |= UInt64(part & 0x7f) << UInt64(shift)
                if part < 0x80 { return number }
            }
            throw .malformed("a number before byte \(next) exceeds 64 bits")
        }

        /// - Returns: the sum of the counts.
        mutating func buckets(into store: inout BucketStore) throws(DDSketchError) -> UInt64 {
            let buckets = try number()
            if buckets == 0 { return 0 }
            guard buckets <= UInt64(BucketStore.maxBuckets) else {
                throw .malformed("\(buckets) buckets are more than \(BucketStore.maxBuckets)")
            }
            let zigzag = try number()
            let highest = Int(Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1))
            // No magnitude maps beyond this, even at the smallest relative error.
            guard highest.magnitude < 1 << 24 else { throw .malformed("highest bucket \(highest) is out of range") }
            var total: UInt64 = 0
            for distance in 0..<Int(buckets) {
                let count = try number()
                let (sum, overflow) = total.addingReportingOverflow(count)
                if overflow { throw .malformed("its counts exceed 64 bits") }
                total = sum
                if count > 0 {
                    store.add(highest - distance, count: count)
                } else if distance == 0 {
                    throw .malformed("the count of highest bucket \(highest) is 0")
                }
            }
            return total
        }
    }
}
