import Metrics

/// Reads the samples of one series from its block parts, oldest writes first, and puts them in order.
struct SeriesAssembler {
    private let range: TimeRange
    private(set) var timestamps: [Int64] = []
    private(set) var values: [Double] = []
    private var scratch: [OpenBlock.TimedBits] = []

    init(range: TimeRange) { self.range = range }

    /// What one block holds of a series: chunks on disk in ascending order of generation, then what is in memory.
    struct Parts {
        var chunks: [[UInt8]] = []
        var extracts: [OpenBlock.Extract] = []
    }

    /// Blocks must come in ascending order of time.
    /// - Parameter onCorrupt: called for a chunk that can't be read; the others are served.
    mutating func add(_ parts: Parts, blockStart: Int64, onCorrupt: () -> Void) {
        let isSingle =
            parts.chunks.count + parts.extracts.count == 1 && (parts.extracts.first?.late.isEmpty ?? true)
        scratch.removeAll(keepingCapacity: true)
        for chunk in parts.chunks {
            let before = isSingle ? timestamps.count : scratch.count
            if SealedChunk.decode(chunk, { take($0, $1, isSingle, blockStart) }) != nil {
                if isSingle {
                    timestamps.removeLast(timestamps.count - before)
                    values.removeLast(values.count - before)
                } else {
                    scratch.removeLast(scratch.count - before)
                }
                onCorrupt()
            }
        }
        for extract in parts.extracts {
            extract.stream.withUnsafeBytes { bytes in
                do {
                    try ChunkDecoder.decode(bytes, count: extract.count) { take($0, $1, isSingle, blockStart) }
                } catch {
                    onCorrupt()
                }
            }
            for sample in extract.late { take(sample.offset, sample.bits, isSingle, blockStart) }
        }
        if !isSingle {
            for sample in OpenBlock.lastWins(scratch) { take(sample.offset, sample.bits, true, blockStart) }
        }
    }

    @inline(__always)
    private mutating func take(_ offset: UInt32, _ bits: UInt64, _ isFinal: Bool, _ blockStart: Int64) {
        let timestamp = blockStart &+ Int64(offset)
        guard timestamp >= range.startMs, timestamp <= range.endMs else { return }
        if isFinal {
            timestamps.append(timestamp)
            values.append(Double(bitPattern: bits))
        } else {
            scratch.append(OpenBlock.TimedBits(offset: offset, bits: bits))
        }
    }

    var isEmpty: Bool { timestamps.isEmpty }

    mutating func finish(labels: Labels) -> SeriesData {
        defer {
            timestamps = []
            values = []
        }
        return SeriesData(labels: labels, timestamps: timestamps, values: values)
    }
}
