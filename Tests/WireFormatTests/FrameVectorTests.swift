import Foundation
import TestKit
import Testing
import WireFormat

@Suite struct FrameVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        #expect(try VectorLine.kinds("m3msg.jsonl") == ["m3msg_message_frame": 7, "m3msg_ack_frame": 5])
    }

    @Test(.vectors, arguments: try VectorLine.all("m3msg.jsonl"))
    func frameDecodesAndEncodesToTheSameBytes(_ vector: VectorLine) throws {
        let line = try Line(vector)
        let frame = try line.bytes("hex")
        let input = try line.line("input")
        switch try line.string("kind") {
        case "m3msg_message_frame": try checkMessage(frame, input)
        case "m3msg_ack_frame": try checkAck(frame, input)
        case let kind: Issue.record("unknown kind \(kind)")
        }
    }

    private func checkMessage(_ frame: [UInt8], _ input: Line) throws {
        let bytes = frame.span.bytes
        let range = try #require(try M3MsgFrame.next(bytes, at: 0))
        #expect(range.end == frame.count)
        let view = try M3MsgFrame.readMessage(bytes, in: range)
        #expect(view.shard == (try input.uint64("shard")))
        #expect(view.id == (try input.uint64("id")))
        #expect(view.sentAtNanos == (try input.uint64("sent_at_nanos")))
        #expect(view.producerEpoch == 0)
        #expect(!view.metadataIsScattered)
        #expect(view.value.count == (try input.int64("value_len")))
        if input.has("value_hex") { #expect(view.value.array(from: bytes) == (try input.bytes("value_hex"))) }
        let again = try written {
            try M3MsgFrame.appendMessage(
                shard: view.shard, id: view.id, sentAtNanos: view.sentAtNanos,
                value: view.value.array(from: bytes).span.bytes, to: &$0)
        }
        #expect(again == frame)
    }

    private func checkAck(_ frame: [UInt8], _ input: Line) throws {
        let bytes = frame.span.bytes
        let metadata = (input.object["metadata"] as? [[String]] ?? []).map { $0.compactMap(UInt64.init) }
        let range = try #require(try M3MsgFrame.next(bytes, at: 0))
        var entries: [AckEntry] = []
        try M3MsgFrame.readAck(bytes, in: range) { entries.append($0) }
        #expect(entries == metadata.map { AckEntry(shard: $0[0], id: $0[1]) })

        // A consumer that acks messages with these metadata writes this very frame, and none for no messages.
        var received: [UInt8] = []
        for numbers in metadata {
            received += try written {
                try M3MsgFrame.appendMessage(
                    shard: numbers[0], id: numbers[1], sentAtNanos: numbers[2], value: RawSpan(), to: &$0)
            }
        }
        var views: [MessageView] = []
        var offset = 0
        while let range = try M3MsgFrame.next(received.span.bytes, at: offset) {
            views.append(try M3MsgFrame.readMessage(received.span.bytes, in: range))
            offset = range.end
        }
        let ack = written { M3MsgFrame.appendAck(of: views, from: received.span.bytes, to: &$0) }
        #expect(ack == (metadata.isEmpty ? [] : frame))
    }

    @Test func acksOfARealServerAreWhatWeWouldAnswer() throws {
        let url = Fixtures.directory.appendingPathComponent("vectors/m3msg_server_behaviour.txt")
        let payload: [UInt8] = [1, 2, 3]
        var lines = 0
        for text in try String(contentsOf: url, encoding: .utf8).split(separator: "\n") where text.contains("shard=") {
            lines += 1
            func number(_ name: String) throws -> UInt64 {
                let part = try #require(text.split(separator: " ").first { $0.hasPrefix(name + "=") })
                return try #require(UInt64(part.dropFirst(name.count + 1)))
            }
            let message = try written {
                try M3MsgFrame.appendMessage(
                    shard: try number("shard"), id: try number("id"), sentAtNanos: try number("sent"),
                    value: payload.span.bytes, to: &$0)
            }
            let range = try #require(try M3MsgFrame.next(message.span.bytes, at: 0))
            let view = try M3MsgFrame.readMessage(message.span.bytes, in: range)
            let ack = written { M3MsgFrame.appendAck(of: [view], from: message.span.bytes, to: &$0) }
            #expect(ack.hex == text.split(separator: " ").last.map(String.init))
        }
        #expect(lines == 8)
    }
}
