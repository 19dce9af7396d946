/// The samples of one block that are not sealed yet: a chunk being encoded per series, and what came out of order
/// beside it.
///
/// One owner at a time writes; readers need it to stand still. A frozen block (one that is being sealed) is never
/// written again.
final class OpenBlock {
    struct TimedBits: Equatable {
        var offset: UInt32
        var bits: UInt64
    }

    private struct Slot: BitwiseCopyable {
        var encoder = ChunkEncoder()
        var series: UInt32 = 0
        var lateCount: UInt32 = 0
    }

    /// Out-of-order samples of a series that are kept beside its chunk before both are merged.
    private static let lateLimit = 32

    let id: BlockID
    private let slots = PagedArray(repeating: Slot())
    private var table = SlotTable()
    private let slabs = WordSlabs()
    private var late: [UInt32: [TimedBits]] = [:]
    /// The series that the block holds.
    let series = SeriesBitmap()
    private(set) var sampleCount = 0
    let createdMs: Int64
    var lastWriteMs: Int64

    init(id: BlockID, now: Int64) {
        self.id = id
        createdMs = now
        lastWriteMs = now
    }

    var memoryBytes: Int {
        slabs.byteCount &+ slots.byteCount &+ table.byteCount &+ late.count &* (64 &+ Self.lateLimit &* 16)
    }

    var seriesCount: Int { slots.count }

    /// Adds a sample; one with the same series and time replaces the earlier one.
    func append(_ sample: OpenRecord.Sample) {
        var index = table[sample.series]
        if index == SlotTable.none {
            index = UInt32(truncatingIfNeeded: slots.grow())
            slots.pointer(Int(index)).pointee.series = sample.series
            table.set(sample.series, to: index)
            series.insert(sample.series)
        }
        let slot = slots.pointer(Int(index))
        if slot.pointee.encoder.count == 0 || sample.offset > slot.pointee.encoder.lastOffset {
            slot.pointee.encoder.append(offset: sample.offset, bits: sample.bits, slabs: slabs)
            sampleCount &+= 1
        } else if slot.pointee.lateCount == 0, sample.offset == slot.pointee.encoder.lastOffset,
            slot.pointee.encoder.lastValueEquals(sample.bits)
        {
            // Delivered twice.
        } else {
            appendLate(TimedBits(offset: sample.offset, bits: sample.bits), slot, index)
        }
    }

    private func appendLate(_ sample: TimedBits, _ slot: UnsafeMutablePointer<Slot>, _ index: UInt32) {
        late[index, default: []].append(sample)
        slot.pointee.lateCount &+= 1
        sampleCount &+= 1
        // A merge encodes the whole chunk again: the more it holds, the rarer.
        guard Int(slot.pointee.lateCount) >= max(Self.lateLimit, Int(slot.pointee.encoder.count) / 8) else { return }
        let before = Int(slot.pointee.encoder.count) &+ Int(slot.pointee.lateCount)
        let samples = merged(slot.pointee, index)
        slabs.free(head: slot.pointee.encoder.head, count: Int(slot.pointee.encoder.wordCount))
        slot.pointee.encoder = ChunkEncoder()
        for sample in samples {
            slot.pointee.encoder.append(offset: sample.offset, bits: sample.bits, slabs: slabs)
        }
        slot.pointee.lateCount = 0
        late[index] = nil
        sampleCount &+= samples.count &- before
    }

    private func merged(_ slot: Slot, _ index: UInt32) -> [TimedBits] {
        var samples = decoded(slot)
        samples += late[index] ?? []
        return Self.lastWins(samples)
    }

    private func decoded(_ slot: Slot) -> [TimedBits] {
        var bytes: [UInt8] = []
        slot.encoder.copyStream(from: slabs, to: &bytes)
        var samples: [TimedBits] = []
        samples.reserveCapacity(Int(slot.encoder.count) &+ Int(slot.lateCount))
        bytes.withUnsafeBytes { bytes in
            // Our own stream in memory: it can't be torn.
            try? ChunkDecoder.decode(bytes, count: Int(slot.encoder.count)) {
                samples.append(TimedBits(offset: $0, bits: $1))
            }
        }
        return samples
    }

    /// Sorts by time; of samples with the same time the last one in the given order stays.
    static func lastWins(_ samples: [TimedBits]) -> [TimedBits] {
        // Offset and position in one number: the order is stable, and the sort compares integers only.
        var order = samples.indices.map { UInt64(samples[$0].offset) << 32 | UInt64(truncatingIfNeeded: $0) }
        order.sort()
        var result: [TimedBits] = []
        result.reserveCapacity(samples.count)
        for entry in order {
            let sample = samples[Int(truncatingIfNeeded: entry & 0xFFFF_FFFF)]
            if result.last?.offset == sample.offset { result.removeLast() }
            result.append(sample)
        }
        return result
    }

    /// What a reader takes along: a copy of the stream, to be decoded when the block may change again.
    struct Extract {
        var stream: [UInt8] = []
        var count = 0
        var late: [TimedBits] = []
    }

    func extract(_ series: UInt32) -> Extract? {
        let index = table[series]
        guard index != SlotTable.none else { return nil }
        let slot = slots.pointer(Int(index)).pointee
        var extract = Extract(count: Int(slot.encoder.count))
        slot.encoder.copyStream(from: slabs, to: &extract.stream)
        if slot.lateCount > 0 { extract.late = late[index] ?? [] }
        return extract
    }

    /// Hands out every series with its finished chunk, in ascending order of ids.
    func forEachChunk<E: Error>(_ body: (_ series: UInt32, _ chunk: [UInt8]) throws(E) -> Void) throws(E) {
        for id in series.ids {
            let index = table[id]
            guard index != SlotTable.none else { continue }
            let slot = slots.pointer(Int(index)).pointee
            if slot.lateCount == 0 {
                try body(id, SealedChunk.encode(slot.encoder, slabs: slabs))
            } else {
                try body(id, SealedChunk.encode(merged(slot, index).lazy.map { ($0.offset, $0.bits) }))
            }
        }
    }
}
