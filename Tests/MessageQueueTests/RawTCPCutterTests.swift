import NIOCore
import Testing
import WireFormat

@testable import MessageQueue

@Suite struct RawTCPCutterTests {
    private static func cut(_ pieces: [[UInt8]], limit: Int = RawTCPFrame.defaultMaxBytes) -> (
        payloads: [[UInt8]], failure: RawTCPFrameError?, midFrame: Bool
    ) {
        var cutter = RawTCPCutter(maxFrameBytes: limit)
        var payloads: [[UInt8]] = []
        var failure: RawTCPFrameError?
        for piece in pieces {
            let read = ByteBuffer(bytes: piece)
            var ranges: [ByteRange] = []
            let cut = cutter.cut(read, into: &ranges)
            if let carried = cut.carried { payloads.append(Array(carried.readableBytesView)) }
            payloads += ranges.map { Array(read.readableBytesView[$0.offset..<$0.end]) }
            failure = failure ?? cut.failure
        }
        return (payloads, failure, cutter.isMidFrame)
    }

    private static func frame(_ payload: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        RawTCPFrame.append(payload.span.bytes, to: &writer)
        return writer.array()
    }

    /// Sizes with prefixes of one, two and three bytes.
    private static let payloads: [[UInt8]] = [1, 63, 64, 200, 8_192, 5].map { count in
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    }

    @Test func findsTheSamePayloadsWhereverTheStreamIsSplit() {
        let stream = Self.payloads.flatMap(Self.frame)
        for split in 0...stream.count {
            let (found, failure, midFrame) = Self.cut([Array(stream[..<split]), Array(stream[split...])])
            #expect(found == Self.payloads, "split at \(split)")
            #expect(failure == nil && !midFrame)
        }
    }

    @Test(arguments: [1, 2, 3, 7, 100, 4_096]) func findsThemInPiecesOfAnySize(size: Int) {
        let stream = Self.payloads.flatMap(Self.frame)
        let pieces = stride(from: 0, to: stream.count, by: size).map {
            Array(stream[$0..<min($0 + size, stream.count)])
        }
        #expect(Self.cut(pieces).payloads == Self.payloads)
    }

    @Test func deliversNothingBehindABadSize() {
        let good = Self.frame([1, 2, 3])
        for (bad, expected) in [
            ([0], RawTCPFrameError.zeroOrNegative(size: 0)),
            (Self.frame(Array(repeating: 0, count: 11)), .tooLarge(size: 11, limit: 10)),
            (Array(repeating: 0xff, count: 10), .malformedSize),
        ] as [([UInt8], RawTCPFrameError)] {
            let stream = good + bad + good
            for split in 0...stream.count {
                let (found, failure, midFrame) = Self.cut(
                    [Array(stream[..<split]), Array(stream[split...])], limit: 10)
                #expect(found == [[1, 2, 3]], "split at \(split)")
                #expect(failure == expected)
                #expect(!midFrame)
            }
        }
    }

    @Test func keepsNoMoreOfAPartialFrameThanArrived() {
        var cutter = RawTCPCutter(maxFrameBytes: RawTCPFrame.defaultMaxBytes)
        var ranges: [ByteRange] = []
        // 50 MiB are declared.
        _ = cutter.cut(ByteBuffer(bytes: [0x80, 0x80, 0x80, 0x32, 1, 2, 3]), into: &ranges)
        #expect(cutter.isMidFrame)
        #expect(cutter.partialCapacity < 1_024)
    }

    @Test func randomBytesInRandomPiecesNeverTrap() {
        var state: UInt64 = 99
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        for _ in 0..<2_000 {
            let pieces = (0..<4).map { _ in (0..<Int(next() % 40)).map { _ in UInt8(truncatingIfNeeded: next() % 90) } }
            let whole = Self.cut([pieces.flatMap { $0 }], limit: 30)
            let split = Self.cut(pieces, limit: 30)
            #expect(whole.payloads == split.payloads)
            #expect(whole.failure == split.failure)
        }
    }
}
