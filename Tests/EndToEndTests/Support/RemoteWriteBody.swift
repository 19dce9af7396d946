import Foundation

/// Remote-write requests made byte by byte, without the product's own writer, so that wrong ones can be made too.
enum RemoteWriteBody {
    struct Series {
        var pairs: [(String, String)]
        var points: [Point]
        var labels: LabelSet { Dictionary(pairs) { $1 } }

        init(labels: LabelSet, points: [Point]) {
            pairs = labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            self.points = points
        }

        init(pairs: [(String, String)], points: [Point]) {
            self.pairs = pairs
            self.points = points
        }
    }

    static func make(_ series: [Series]) -> Data {
        var request = Data()
        for one in series {
            var message = Data()
            for (name, value) in one.pairs {
                append(1, bytes(1, Data(name.utf8)) + bytes(2, Data(value.utf8)), to: &message)
            }
            for point in one.points {
                var sample = Data([0x09])
                withUnsafeBytes(of: point.value.bitPattern.littleEndian) { sample.append(contentsOf: $0) }
                sample.append(0x10)
                sample.append(varint(UInt64(bitPattern: point.timeMs)))
                append(2, sample, to: &message)
            }
            append(1, message, to: &request)
        }
        return snappy(request)
    }

    /// Snappy's block format with literals alone: valid, only not small.
    static func snappy(_ data: Data) -> Data {
        var out = varint(UInt64(data.count))
        var rest = data[...]
        while !rest.isEmpty {
            let piece = rest.prefix(65_536)
            out.append(61 << 2)
            out.append(UInt8((piece.count - 1) & 0xff))
            out.append(UInt8((piece.count - 1) >> 8))
            out.append(piece)
            rest = rest.dropFirst(piece.count)
        }
        return out
    }

    private static func bytes(_ field: UInt8, _ data: Data) -> Data {
        Data([field << 3 | 2]) + varint(UInt64(data.count)) + data
    }

    private static func append(_ field: UInt8, _ data: Data, to out: inout Data) { out.append(bytes(field, data)) }

    private static func varint(_ value: UInt64) -> Data {
        var out = Data()
        var rest = value
        while rest >= 0x80 {
            out.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(rest))
        return out
    }
}
