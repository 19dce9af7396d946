import NIOCore
import TestKit
import Testing
import WireFormat

@testable import MessageQueue

@Suite struct FrameCutterTests {
    /// Feeds the pieces and returns the contents of the frames in order, and the failure that ended them.
    static func cut(_ pieces: [[UInt8]], limit: Int = 4_194_304) -> (
        frames: [[UInt8]], failure: FrameCutter.Failure?, midFrame: Bool
    ) {
        var cutter = FrameCutter(maxFrameBytes: limit)
        var frames: [[UInt8]] = []
        var failure: FrameCutter.Failure?
        for piece in pieces {
            let read = ByteBuffer(bytes: piece)
            var ranges: [ByteRange] = []
            let cut = cutter.cut(read, into: &ranges)
            if let carried = cut.carried { frames.append(Array(carried.readableBytesView)) }
            frames += ranges.map { Array(read.readableBytesView[$0.offset..<$0.end]) }
            failure = failure ?? cut.failure
        }
        return (frames, failure, cutter.isMidFrame)
    }

    static func frame(_ contents: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt32(contents.count).bigEndian) { Array($0) } + contents
    }

    static func vectors() throws -> [[UInt8]] {
        let lines = try Fixtures.vectors("m3msg.jsonl")
        #expect(lines.count == 12)
        return try lines.map(AckBufferTests.bytes)
    }

    @Test func cutsTheCapturedFramesAtEverySplitPoint() throws {
        let frames = try Self.vectors().filter { $0.count < 1_000 }
        #expect(frames.count >= 8)
        let stream = Array(frames.joined())
        let expected = frames.map { Array($0[4...]) }
        for split in 0...stream.count {
            let (found, failure, midFrame) = Self.cut([Array(stream[..<split]), Array(stream[split...])])
            #expect(found == expected, "split at \(split)")
            #expect(failure == nil && !midFrame)
        }
        let (single, _, _) = Self.cut(stream.map { [$0] })
        #expect(single == expected)
    }

    @Test func cutsLargeFramesInPiecesOfAnySize() throws {
        let frames = try Self.vectors()
        let stream = Array(frames.joined())
        for size in [1_000, 4_096, 65_536, 262_144] {
            let pieces = stride(from: 0, to: stream.count, by: size).map {
                Array(stream[$0..<min($0 + size, stream.count)])
            }
            #expect(Self.cut(pieces).frames == frames.map { Array($0[4...]) })
        }
    }

    @Test func keepsOffsetsRelativeToTheReaderIndex() {
        var read = ByteBuffer(bytes: [9, 9] + Self.frame([7, 8]))
        read.moveReaderIndex(forwardBy: 2)
        var cutter = FrameCutter(maxFrameBytes: 10)
        var ranges: [ByteRange] = []
        _ = cutter.cut(read, into: &ranges)
        #expect(ranges == [ByteRange(offset: 4, count: 2)])
    }

    @Test func acceptsTheLimitAndRefusesOneByteMore() {
        let fitting = Self.frame(Array(repeating: 1, count: 100))
        let tooLarge = Self.frame(Array(repeating: 1, count: 101))
        #expect(Self.cut([fitting], limit: 100).frames.count == 1)
        let stream = fitting + tooLarge + fitting
        for split in 0...stream.count {
            let (frames, failure, _) = Self.cut([Array(stream[..<split]), Array(stream[split...])], limit: 100)
            #expect(frames.count == 1, "frames behind a bad one must not be delivered (split at \(split))")
            #expect(failure == .frameTooLarge(bytes: 101, limit: 100))
        }
    }

    @Test func acceptsEmptyFrames() {
        #expect(Self.cut([[0, 0, 0, 0, 0, 0, 0, 0]]).frames == [[], []])
    }

    @Test func tellsWhetherAFrameIsIncomplete() {
        #expect(Self.cut([[0]]).midFrame)
        #expect(Self.cut([[0, 0, 0, 2, 1]]).midFrame)
        #expect(!Self.cut([[0, 0, 0, 2, 1], [1]]).midFrame)
    }

    @Test func keepsNoMoreOfAPartialFrameThanArrived() {
        var cutter = FrameCutter(maxFrameBytes: 4_194_304)
        var ranges: [ByteRange] = []
        _ = cutter.cut(ByteBuffer(bytes: [0, 0x40, 0, 0, 1, 2, 3]), into: &ranges)
        #expect(cutter.partialCapacity < 1_024)
    }
}
