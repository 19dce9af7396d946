import Foundation
import Metrics
import TestKit
import Testing
import WireFormat

/// A recorded run of real servers: what went over the aggregator's port, both ways.
@Suite struct StreamTests {
    @Test func everyFrameOfTheRecordedRunDecodesAndEncodesToTheSameBytes() throws {
        var streams: [String: [UInt8]] = [:]
        var lines = 0
        for line in try Line.all("streams/prometheus-ingest.jsonl.gz") {
            lines += 1
            let stream = "\(try line.string("dir")) \(try line.int64("conn"))"
            streams[stream, default: []] += try line.bytes("hex")
        }
        #expect(lines == 1_122)

        var sent: [Int: Int] = [:]
        var acked = 0
        for (name, stream) in streams {
            let bytes = stream.span.bytes
            var offset = 0
            while let frame = try M3MsgFrame.next(bytes, at: offset) {
                if name.hasPrefix("in") {
                    let kind = try checkMessage(bytes, frame)
                    sent[Int(kind.rawValue), default: 0] += 1
                } else {
                    try M3MsgFrame.readAck(bytes, in: frame) { _ in acked += 1 }
                }
                offset = frame.end
            }
            // The recording may end inside a frame, never inside a length that we misread.
            #expect(stream.count - offset < M3MsgFrame.defaultMaxSize)
        }
        #expect(Set(sent.keys) == [4, 6], "timed metrics with staged metadatas, and forwarded ones")
        #expect(acked > 0 && acked <= sent.values.reduce(0, +))
    }

    private func checkMessage(_ bytes: RawSpan, _ frame: ByteRange) throws -> PayloadKind {
        let message = try M3MsgFrame.readMessage(bytes, in: frame)
        let view = try MetricReader.read(bytes, in: message.value)
        let id = view.id.array(from: bytes)
        let annotation = view.annotation.array(from: bytes)
        var values: [Double] = []
        var prevValues: [Double] = []
        view.forEachValue(in: bytes) { values.append($0) }
        view.forEachPrevValue(in: bytes) { prevValues.append($0) }
        let payload = try written { writer in
            if view.kind == .forwarded {
                MetricWriter.appendForwarded(
                    type: view.metricType, id: id.span.bytes, timeNanos: view.timeNanos, values: values.span,
                    annotation: annotation.span.bytes, prevValues: prevValues.span, version: view.version,
                    metadata: MetadataCodec.encode(try MetadataCodec.forwardMetadata(bytes, in: view.metadata)).span
                        .bytes, to: &writer)
            } else {
                MetricWriter.appendTimed(
                    type: view.metricType, id: id.span.bytes, timeNanos: view.timeNanos, value: view.value,
                    annotation: annotation.span.bytes,
                    metadatas: MetadataCodec.encode(try MetadataCodec.stagedMetadatas(bytes, in: view.metadata)).span
                        .bytes, to: &writer)
            }
        }
        let again = try written {
            try M3MsgFrame.appendMessage(
                shard: message.shard, id: message.id, sentAtNanos: message.sentAtNanos, value: payload.span.bytes,
                to: &$0)
        }
        #expect(again[M3MsgFrame.prefixSize...].elementsEqual(frame.array(from: bytes)))
        return view.kind
    }
}
