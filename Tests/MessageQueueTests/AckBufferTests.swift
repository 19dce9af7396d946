import Foundation
import NIOCore
import TestKit
import Testing
import WireFormat

@testable import MessageQueue

@Suite struct AckBufferTests {
    static func bytes(_ line: [String: Any]) throws -> [UInt8] {
        let hex = try #require(line["hex"] as? String)
        return try #require(Fixtures.bytes(hex: hex))
    }

    /// One batch of all the message frames in `stream`.
    static func batch(_ stream: [UInt8]) throws -> MessageBatch {
        let buffer = ByteBuffer(bytes: stream)
        var cutter = FrameCutter(maxFrameBytes: 4_194_304)
        var ranges: [ByteRange] = []
        _ = cutter.cut(buffer, into: &ranges)
        let messages = try buffer.withUnsafeReadableBytes { raw in
            try ranges.map { try M3MsgFrame.readMessage(raw.bytes, in: $0) }
        }
        return MessageBatch(buffer: buffer, messages: messages)
    }

    static func acks(_ batch: MessageBatch, limit: Int = 4_194_304) -> [UInt8] {
        var buffer = AckBuffer(maxFrameBytes: limit)
        buffer.append(contentsOf: batch.messages, in: batch.buffer)
        return buffer.take().map { Array($0.readableBytesView) } ?? []
    }

    static func messageFrames(_ keys: [(UInt64, UInt64)], epoch: UInt64 = 0) throws -> [UInt8] {
        var writer = ByteWriter()
        for (shard, id) in keys {
            try M3MsgFrame.appendMessage(
                shard: shard, id: id, sentAtNanos: 5, producerEpoch: epoch, value: [UInt8]([1, 2]).span.bytes,
                to: &writer)
        }
        return writer.array()
    }

    @Test func echoesTheCapturedMessages() throws {
        let lines = try Fixtures.vectors("m3msg.jsonl")
        #expect(lines.count == 12)
        var messages = 0
        for line in lines where line["kind"] as? String == "m3msg_message_frame" {
            messages += 1
            let bytes = try Self.bytes(line)
            let batch = try Self.batch(bytes)
            let message = try #require(batch.messages.first)
            let metadata = batch.withBytes { message.metadata.array(from: $0) }
            #expect(Self.acks(batch) == FrameCutterTests.frame([0x0a, UInt8(metadata.count)] + metadata))
            let input = try #require(line["input"] as? [String: Any])
            #expect(String(message.shard) == input["shard"] as? String)
            #expect(String(message.id) == input["id"] as? String)
        }
        #expect(messages >= 5)
    }

    /// Protobuf lets a producer send the metadata in pieces: together they are one message, a later field replaces an
    /// earlier one. Pieces put back one behind the other would make entries of their own, for messages never sent.
    @Test func metadataInPiecesReturnsMergedAsOneEntry() throws {
        let pieces = FrameCutterTests.frame([
            0x0a, 4, 0x08, 5, 0x10, 6,
            0x12, 1, 0x07,
            0x0a, 13, 0x10, 7, 0x18, 8, 0x79, 0x2c, 1, 0, 0, 0, 0, 0, 0,
        ])
        let whole = try Self.messageFrames([(1, 2)])
        let batch = try Self.batch(whole + pieces + whole)
        #expect(batch.messages.map(\.metadataIsScattered) == [false, true, false])
        let message = batch.messages[1]
        #expect((message.shard, message.id, message.producerEpoch) == (5, 7, 300))
        #expect(batch.withBytes { message.value.array(from: $0) } == [7])
        let merged: [UInt8] = [0x0a, 15, 0x08, 5, 0x10, 7, 0x18, 8, 0x79, 0x2c, 1, 0, 0, 0, 0, 0, 0]
        let plain: [UInt8] = [0x0a, 6, 0x08, 1, 0x10, 2, 0x18, 5]
        #expect(Self.acks(batch) == FrameCutterTests.frame(plain + merged + plain))
        // A frame is not longer for it than the size that was reckoned with.
        let limit = plain.count + merged.count
        #expect(
            Self.acks(batch, limit: limit) == FrameCutterTests.frame(plain + merged) + FrameCutterTests.frame(plain))
    }

    @Test func writesTheCapturedAckFrames() throws {
        var frames = 0
        for line in try Fixtures.vectors("m3msg.jsonl") where line["kind"] as? String == "m3msg_ack_frame" {
            frames += 1
            let bytes = try Self.bytes(line)
            // The metadata of an ack is that of its messages: make messages of them, and acknowledge those.
            var stream: [UInt8] = []
            var rest = bytes[4...]
            while let key = rest.popFirst() {
                #expect(key == 0x0a)
                let count = Int(rest.popFirst() ?? 0)
                stream += FrameCutterTests.frame([0x0a, UInt8(count)] + rest.prefix(count))
                rest = rest.dropFirst(count)
            }
            let expected: [UInt8] = stream.isEmpty ? [] : bytes
            #expect(Self.acks(try Self.batch(stream)) == expected)
        }
        #expect(frames >= 2)
    }

    @Test func answersAsARealServerDoes() throws {
        let url = Fixtures.directory.appendingPathComponent("vectors/m3msg_server_behaviour.txt")
        let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 14)
        var checked = 0
        for line in lines {
            guard let arrow = line.range(of: " -> "),
                let answer = Fixtures.bytes(hex: String(line[arrow.upperBound...]))
            else {
                continue
            }
            let words = line[..<arrow.lowerBound].split(separator: " ")
            func field(_ name: String) -> UInt64? {
                words.first { $0.hasPrefix("\(name)=") }.flatMap { UInt64($0.dropFirst(name.count + 1)) }
            }
            let batch: MessageBatch
            if let shard = field("shard"), let id = field("id") {
                var writer = ByteWriter()
                try M3MsgFrame.appendMessage(
                    shard: shard, id: id, sentAtNanos: field("sent") ?? 0, value: [UInt8]([1]).span.bytes, to: &writer)
                batch = try Self.batch(writer.array())
            } else if line.hasPrefix("zero size frame") {
                batch = try Self.batch([0, 0, 0, 0])
            } else {
                // The remaining lines show the answer only: its metadata is the message's.
                batch = try Self.batch(FrameCutterTests.frame(Array(answer[4...])))
            }
            #expect(Self.acks(batch) == answer, "\(line)")
            checked += 1
        }
        #expect(checked == 12)
    }

    @Test func echoesTheEpoch() throws {
        let batch = try Self.batch(try Self.messageFrames([(7, 9)], epoch: 0xfeed_beef_1234_5678))
        #expect(batch.messages[0].producerEpoch == 0xfeed_beef_1234_5678)
        let metadata = batch.withBytes { batch.messages[0].metadata.array(from: $0) }
        #expect(Self.acks(batch) == FrameCutterTests.frame([0x0a, UInt8(metadata.count)] + metadata))
    }

    @Test func splitsInsteadOfExceedingAFrame() throws {
        let keys = (1...100).map { (UInt64(1), UInt64($0)) }
        let batch = try Self.batch(try Self.messageFrames(keys))
        for limit in [8, 9, 20, 100, 799, 800, 801] {
            let (frames, failure, midFrame) = FrameCutterTests.cut([Self.acks(batch, limit: limit)], limit: limit)
            #expect(failure == nil && !midFrame)
            #expect(frames.allSatisfy { $0.count <= limit && !$0.isEmpty })
            var found: [UInt64] = []
            for frame in frames {
                try frame.withUnsafeBytes { raw in
                    try M3MsgFrame.readAck(raw.bytes, in: ByteRange(offset: 0, count: raw.count)) {
                        found.append($0.id)
                    }
                }
            }
            #expect(found == keys.map(\.1), "limit \(limit)")
            if limit >= 800 { #expect(frames.count == 1) } else { #expect(frames.count > 1) }
        }
    }

    @Test func leavesOutWhatFitsNoFrame() throws {
        let batch = try Self.batch(try Self.messageFrames([(1, 1), (300, 70_000), (1, 2)]))
        var buffer = AckBuffer(maxFrameBytes: 8)
        buffer.append(contentsOf: batch.messages, in: batch.buffer)
        let counts: [Int] = [buffer.entries, buffer.takeOversized(), buffer.takeOversized()]
        #expect(counts == [2, 1, 0])
        let frames = [buffer.take(), buffer.take()]
        #expect(frames[0] != nil && frames[1] == nil)
    }
}
