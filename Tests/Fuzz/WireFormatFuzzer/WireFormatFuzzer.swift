import WireFormat

/// What libFuzzer calls with each input: the first byte chooses the decoder, the rest is for it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 0 else { return 0 }
    decode(start[0], [UInt8](UnsafeBufferPointer(start: start + 1, count: count - 1)))
    return 0
}

private func decode(_ decoder: UInt8, _ input: [UInt8]) {
    let bytes = input.span.bytes
    let all = ByteRange(offset: 0, count: input.count)
    do {
        switch decoder % 9 {
        case 0:
            var offset = 0
            while let frame = try M3MsgFrame.next(bytes, at: offset) {
                let view = try M3MsgFrame.readMessage(bytes, in: frame)
                var writer = ByteWriter()
                M3MsgFrame.appendAck(of: [view], from: bytes, to: &writer)
                offset = frame.end
            }
        case 1: try M3MsgFrame.readAck(bytes, in: all) { _ in }
        case 2: try readMetric(input)
        case 3: _ = try MetadataCodec.stagedMetadatas(bytes, in: all)
        case 4: _ = try MetadataCodec.forwardMetadata(bytes, in: all)
        case 5: _ = try AggregatedMetricReader.read(bytes, in: all)
        case 6:
            var reader = try RemoteWriteReader(bytes, in: all)
            while try reader.next(bytes) != nil {}
        case 7: _ = try RemoteReadRequest.read(bytes, in: all)
        default: _ = try Snappy.decompress(bytes, limit: 1 << 20)
        }
    } catch {
        precondition(WireError.reasons.contains(error.reason))
    }
}

private func readMetric(_ input: [UInt8]) throws(WireError) {
    let bytes = input.span.bytes
    let all = ByteRange(offset: 0, count: input.count)
    do {
        let view = try MetricReader.read(bytes, in: all)
        view.forEachValue(in: bytes) { _ in }
        view.forEachPrevValue(in: bytes) { _ in }
        precondition(view.id.lies(within: input.count) && view.metadata.lies(within: input.count))
    } catch {
        guard error == .scattered else { throw error }
        let gathered = try MetricReader.gathered(bytes, in: all)
        do {
            _ = try MetricReader.read(gathered.span.bytes, in: ByteRange(offset: 0, count: gathered.count))
        } catch {
            precondition(error != .scattered, "what was gathered is in one piece")
        }
    }
}
