import TestKit
import Testing
import WireFormat

@Suite struct FrameTests {
    private func message(_ id: UInt64, epoch: UInt64 = 0, value: [UInt8] = []) throws -> [UInt8] {
        try written {
            try M3MsgFrame.appendMessage(
                shard: 1, id: id, sentAtNanos: 2, producerEpoch: epoch, value: value.span.bytes, to: &$0)
        }
    }

    @Test func framesCutAnywhereAreWaitedFor() throws {
        let frame = try message(7, value: [1, 2, 3])
        for count in 0..<frame.count {
            let part = Array(frame[..<count])
            #expect(try M3MsgFrame.next(part.span.bytes, at: 0) == nil)
        }
        let two = frame + frame
        let first = try #require(try M3MsgFrame.next(two.span.bytes, at: 0))
        #expect(first == ByteRange(offset: 4, count: frame.count - 4))
        #expect(try M3MsgFrame.next(two.span.bytes, at: first.end)?.end == two.count)
        #expect(try M3MsgFrame.next(two.span.bytes, at: two.count) == nil)
    }

    @Test func framesOfTheLargestSizeAreLegalAndLargerOnesAreNot() throws {
        let overhead = try message(1).count - M3MsgFrame.prefixSize
        func frame(limit: Int) throws -> [UInt8] {
            // Tag and length of the value take 5 bytes at this size.
            let value = [UInt8](repeating: 7, count: M3MsgFrame.defaultMaxSize - overhead - 5)
            return try written {
                try M3MsgFrame.appendMessage(
                    shard: 1, id: 1, sentAtNanos: 2, value: value.span.bytes, maxSize: limit, to: &$0)
            }
        }
        let largest = try frame(limit: M3MsgFrame.defaultMaxSize)
        #expect(try M3MsgFrame.next(largest.span.bytes, at: 0)?.count == M3MsgFrame.defaultMaxSize)
        let tooLarge = WireError.limitExceeded(
            field: "m3msg frame bytes", value: M3MsgFrame.defaultMaxSize, limit: M3MsgFrame.defaultMaxSize - 1)
        #expect(throws: tooLarge) { try frame(limit: M3MsgFrame.defaultMaxSize - 1) }
        #expect(throws: tooLarge) {
            try M3MsgFrame.next(largest.span.bytes, at: 0, maxSize: M3MsgFrame.defaultMaxSize - 1)
        }
        // The length alone is enough to refuse: nothing is waited for or allocated.
        let prefix: [UInt8] = [0xff, 0xff, 0xff, 0xff]
        #expect(
            throws: WireError.limitExceeded(
                field: "m3msg frame bytes", value: 4_294_967_295, limit: M3MsgFrame.defaultMaxSize)
        ) { try M3MsgFrame.next(prefix.span.bytes, at: 0) }
    }

    @Test func anEmptyFrameReadsAsAllZero() throws {
        let frame: [UInt8] = [0, 0, 0, 0]
        let range = try #require(try M3MsgFrame.next(frame.span.bytes, at: 0))
        let view = try M3MsgFrame.readMessage(frame.span.bytes, in: range)
        #expect(view.shard == 0 && view.id == 0 && view.value.isEmpty && view.producerEpoch == 0)
        try M3MsgFrame.readAck(frame.span.bytes, in: range) { _ in Issue.record("an empty ack acknowledges nothing") }
        let ack = written { M3MsgFrame.appendAck(of: [view], from: frame.span.bytes, to: &$0) }
        #expect(ack.hex == "000000020a00")
    }

    @Test func theEpochComesBackAndIsEchoed() throws {
        let frame = try message(3, epoch: .max)
        #expect(frame.hex == "00000011" + "0a0f" + "08011003180279ffffffffffffffff")
        let view = try M3MsgFrame.readMessage(frame.span.bytes, in: ByteRange(offset: 4, count: frame.count - 4))
        #expect(view.producerEpoch == .max && view.id == 3)
        let ack = written { M3MsgFrame.appendAck(of: [view], from: frame.span.bytes, to: &$0) }
        #expect(ack == frame, "a message without a value and its ack are the same bytes")
    }

    @Test func unknownMetadataIsEchoedAsItCame() throws {
        let metadata: [UInt8] = [0x10, 9, 0x7a, 2, 1, 2, 0xa2, 0x06, 1, 5, 0x08, 4]
        let frame = [0x0a, UInt8(metadata.count)] + metadata
        let view = try M3MsgFrame.readMessage(frame.span.bytes, in: ByteRange(offset: 0, count: frame.count))
        #expect(view.shard == 4 && view.id == 9 && view.producerEpoch == 0)
        let ack = written { M3MsgFrame.appendAck(of: [view], from: frame.span.bytes, to: &$0) }
        #expect(Array(ack.dropFirst(4)) == frame)
    }

    @Test func acksThatWouldBeTooLargeAreSplit() throws {
        let frame = try message(3)
        let view = try M3MsgFrame.readMessage(frame.span.bytes, in: ByteRange(offset: 4, count: frame.count - 4))
        let size = M3MsgFrame.ackEntrySize(view)
        let acks = written {
            M3MsgFrame.appendAck(
                of: [MessageView](repeating: view, count: 10), from: frame.span.bytes, maxSize: size * 4 + 1, to: &$0)
        }
        var sizes: [Int] = []
        var entries = 0
        var offset = 0
        while let range = try M3MsgFrame.next(acks.span.bytes, at: offset) {
            sizes.append(range.count)
            try M3MsgFrame.readAck(acks.span.bytes, in: range) { entry in
                entries += entry == AckEntry(shard: 1, id: 3) ? 1 : 0
            }
            offset = range.end
        }
        #expect(sizes == [size * 4, size * 4, size * 2])
        #expect(entries == 10)
        #expect(offset == acks.count)
    }

    @Test func writersGrowEmptyAndForget() {
        var writer = ByteWriter()
        #expect(writer.isEmpty && writer.array() == [])
        let block = [UInt8](0...255)
        for _ in 0..<100 { writer.append(contentsOf: block) }
        #expect(writer.count == 25_600)
        #expect(writer.array()[25_344...].elementsEqual(block))
        writer.truncate(to: 3)
        #expect(writer.array() == [0, 1, 2])
        writer.removeAll()
        writer.append(9)
        writer.appendBigEndian(0x0102_0304)
        writer.setBigEndian(0x0506_0708, at: 1)
        #expect(writer.array() == [9, 5, 6, 7, 8])
        writer.removeAll(keepingCapacity: false)
        #expect(writer.array() == [])
    }
}
