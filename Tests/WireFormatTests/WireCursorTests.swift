import Testing

@testable import WireFormat

/// Varints byte by byte and eight bytes at a time are the same numbers.
@Suite struct WireCursorTests {
    private func read(_ encoded: [UInt8], followedBy rest: Int) -> Result<[UInt64], WireError> {
        Result { () throws(WireError) in
            let bytes = encoded + [UInt8](repeating: 0xff, count: rest)
            var cursor = try WireCursor("test", bytes.span.bytes, ByteRange(offset: 0, count: bytes.count))
            let value = try cursor.varint(bytes.span.bytes)
            return [value, UInt64(cursor.offset)]
        }
    }

    @Test func varintsOfEveryLengthReadTheSameWithAndWithoutBytesBehindThem() {
        var random = SplitMix64(seed: 40)
        var numbers: [UInt64] = [0, 1, .max, 1 << 63, 1_700_000_000_000_000_000]
        for bits in UInt64(0)..<64 { numbers += [1 << bits, (1 << bits) &- 1, random.next() >> bits] }
        for number in numbers {
            let encoded = written { $0.appendVarint(number) }
            #expect(encoded.count == ProtobufSize.varint(number))
            for rest in [0, 1, 9, 10, 20] {
                #expect(read(encoded, followedBy: rest) == .success([number, UInt64(encoded.count)]))
            }
        }
    }

    @Test func bytesThatAddNothingAndBitsBeyondTheSixtyFourthAreAccepted() {
        for rest in [0, 20] {
            for zeros in 1...9 {
                let padded = [0x85] + [UInt8](repeating: 0x80, count: zeros - 1) + [0]
                #expect(read(padded, followedBy: rest) == .success([5, UInt64(zeros + 1)]))
            }
            let beyond = [UInt8](repeating: 0xff, count: 9) + [0x7f]
            #expect(read(beyond, followedBy: rest) == .success([.max, 10]))
            let eleven = [UInt8](repeating: 0xff, count: 10) + [1]
            #expect(read(eleven, followedBy: rest) == .failure(.malformedVarint(message: "test", offset: 0)))
        }
    }

    @Test func varintsThatEndTooSoonAreRefused() {
        for count in 0...9 {
            let cut = [UInt8](repeating: 0x80, count: count)
            #expect(read(cut, followedBy: 0) == .failure(.truncated(message: "test", offset: 0)))
        }
    }
}
