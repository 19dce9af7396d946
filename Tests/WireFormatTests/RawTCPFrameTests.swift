import Metrics
import Testing
import WireFormat

/// Frames of the raw TCP ingest: sizes as zigzag varints.
@Suite struct RawTCPFrameTests {
    /// M3's own bytes: frame, kind, id.
    static let examples: [(hex: String, kind: PayloadKind, id: String)] = [
        ("3a080112190a090a03666f6f10072005120c0a0a1a080a060a001a003200", .counter, "foo"),
        (
            "b401080322560a0c0a016711000000000000044012460a441a420a400a02080212180a0c0880c8afa025108094ebdc031208088080"
                + "f89492a5271a1c0a0a0801120208031a0212000a0e080212001a080a0172120308800128013200", .gauge, "g"
        ),
        ("5208021a250a150a01741210000000000000f03f0000000000000040120c0a0a1a080a060a001a003200", .batchTimer, "t"),
        (
            "a60108042a4f0a2208031201721880b0f3e5d71d2208000000000000144032080000000000000000380112290a0308800112180a0c"
                + "0880c8afa025108094ebdc031208088080f89492a5271a002007280130013a00", .forwarded, "r"
        ),
        (
            "7c0805323a0a1508031201671880bcfcd4fa1c21000000000000f0bf12210a0308800112180a0c0880c8afa025108094ebdc031208"
                + "088080f89492a5271a00", .timedWithMetadata, "g"
        ),
    ]

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0 }
    }

    private func prefix(_ bytes: [UInt8], at offset: Int = 0, max: Int = RawTCPFrame.defaultMaxBytes) throws
        -> RawTCPFrame.Prefix?
    {
        try RawTCPFrame.readPrefix(bytes.span.bytes, at: offset, maxBytes: max)
    }

    @Test(arguments: examples.indices) func readsM3sExamples(index: Int) throws {
        let (hex, kind, id) = Self.examples[index]
        let frame = Self.bytes(hex)
        let prefix = try #require(try prefix(frame))
        #expect(prefix.prefixBytes + prefix.size == frame.count)
        let payload = ByteRange(offset: prefix.prefixBytes, count: prefix.size)
        let view = try MetricReader.read(frame.span.bytes, in: payload)
        #expect(view.kind == kind)
        #expect(view.id.array(from: frame.span.bytes) == Array(id.utf8))
        // Our writer makes the same frame of the payload.
        var writer = ByteWriter()
        let contents = payload.array(from: frame.span.bytes)
        RawTCPFrame.append(contents.span.bytes, to: &writer)
        #expect(writer.array() == frame)
    }

    @Test(
        arguments: [
            (1, [0x02]), (63, [0x7e]), (64, [0x80, 0x01]), (100, [0xc8, 0x01]), (8_191, [0xfe, 0x7f]),
            (8_192, [0x80, 0x80, 0x01]), (52_428_800, [0x80, 0x80, 0x80, 0x32]),
        ] as [(Int, [UInt8])]) func sizesAreZigzag(size: Int, encoded: [UInt8]) throws
    {
        let prefix = try #require(try prefix(encoded))
        #expect(prefix.size == size)
        #expect(prefix.prefixBytes == encoded.count)
        for count in 0..<encoded.count {
            #expect(try self.prefix(Array(encoded[..<count])) == nil, "a part of a size is no size")
        }
    }

    @Test func refusesWhatM3Refuses() {
        #expect(throws: RawTCPFrameError.zeroOrNegative(size: 0)) { try prefix([0]) }
        #expect(throws: RawTCPFrameError.zeroOrNegative(size: -1)) { try prefix([1]) }
        #expect(throws: RawTCPFrameError.zeroOrNegative(size: .min)) {
            try prefix(Array(repeating: 0xff, count: 9) + [1])
        }
        #expect(throws: RawTCPFrameError.tooLarge(size: 52_428_801, limit: 52_428_800)) {
            try prefix([0x82, 0x80, 0x80, 0x32])
        }
        #expect(throws: RawTCPFrameError.tooLarge(size: .max, limit: 10)) {
            try prefix([0xfe] + Array(repeating: 0xff, count: 8) + [1], max: 10)
        }
        #expect(throws: RawTCPFrameError.malformedSize) { try prefix(Array(repeating: 0xff, count: 10)) }
        #expect(throws: RawTCPFrameError.malformedSize) { try prefix(Array(repeating: 0x80, count: 9) + [2]) }
        #expect(
            RawTCPFrameError.tooLarge(size: 7, limit: 5).description
                == "decoded message size 7 is larger than supported max message size 5")
        #expect(RawTCPFrameError.zeroOrNegative(size: -3).description == "decoded message size -3 is zero or negative")
    }

    @Test func anyBytesGiveASizeOrAnError() {
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: state >> 33) | (state >> 60 < 12 ? 0x80 : 0))
            }
            if let prefix = try? prefix(bytes) {
                #expect(prefix.size >= 1 && prefix.size <= RawTCPFrame.defaultMaxBytes)
                #expect((1...RawTCPFrame.maxPrefixBytes).contains(prefix.prefixBytes))
            }
        }
    }
}
