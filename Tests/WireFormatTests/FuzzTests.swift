import CM3Protocol
import Metrics
import TestKit
import Testing

@testable import WireFormat

/// Every decoder on damaged and rearranged input, from fixed seeds: none traps, and what one accepts is encoded and decoded
/// again to the same value.
@Suite struct FuzzTests {
    private func fuzz(_ seed: UInt64, _ corpus: [[UInt8]], _ body: (_ input: [UInt8]) throws -> Void) {
        var mutator = Mutator(seed: seed, corpus: corpus)
        var accepted = 0
        for _ in 0..<FuzzPlan.iterations {
            do {
                try body(mutator.next())
                accepted += 1
            } catch {
                if !(error is WireError) { Issue.record(error) }
            }
        }
        #expect(accepted > 0 && accepted < FuzzPlan.iterations, "input of both kinds, \(accepted) accepted")
    }

    private func same<Value: Equatable>(_ a: Value, _ b: Value, _ input: [UInt8]) {
        if a != b { Issue.record("\(a) became \(b): \(input.hex)") }
    }

    @Test func frames() throws {
        let corpus = try Line.all("m3msg.jsonl").map { try $0.bytes("hex") }
        fuzz(21, corpus + corpus.map { $0 + $0 }) { input in
            let bytes = input.span.bytes
            var offset = 0
            while let frame = try M3MsgFrame.next(bytes, at: offset, maxSize: 10_000) {
                if frame.offset != offset + 4 || frame.end > input.count { Issue.record("frame out of bounds") }
                let view = try M3MsgFrame.readMessage(bytes, in: frame)
                let value = view.value.array(from: bytes)
                var writer = ByteWriter()
                try M3MsgFrame.appendMessage(
                    shard: view.shard, id: view.id, sentAtNanos: view.sentAtNanos, producerEpoch: view.producerEpoch,
                    value: value.span.bytes, to: &writer)
                let again = writer.array()
                let second = try M3MsgFrame.readMessage(
                    again.span.bytes, in: ByteRange(offset: 4, count: again.count - 4))
                same(
                    [view.shard, view.id, view.sentAtNanos, view.producerEpoch],
                    [second.shard, second.id, second.sentAtNanos, second.producerEpoch], input)
                same(value, second.value.array(from: again.span.bytes), input)
                let ack = written { M3MsgFrame.appendAck(of: [view], from: bytes, to: &$0) }
                var acked: [AckEntry] = []
                try M3MsgFrame.readAck(ack.span.bytes, in: ByteRange(offset: 4, count: ack.count - 4)) {
                    acked.append($0)
                }
                same(acked, [AckEntry(shard: view.shard, id: view.id)], input)
                offset = frame.end
            }
        }
    }

    @Test(arguments: [UInt64(22), 23])
    func payloads(seed: UInt64) throws {
        fuzz(seed, try ReferenceComparisonTests.payloads()) { input in
            let first = try DecodedMetric.ours(input)
            let again = first.encoded()
            let second = try DecodedMetric.ours(again)
            same(first, second, input)
        }
    }

    @Test func metadata() throws {
        var corpus: [[UInt8]] = []
        for payload in try ReferenceComparisonTests.payloads() {
            let view = try MetricReader.read(payload.span.bytes, in: ByteRange(offset: 0, count: payload.count))
            corpus.append(view.metadata.array(from: payload.span.bytes))
        }
        fuzz(24, corpus) { input in
            let staged = Result { try self.staged(input) }
            let forward = Result { try self.forward(input) }
            let timed = Result { try self.timed(input) }
            if case .success(let value) = staged {
                let again = try self.staged(MetadataCodec.encode(value))
                same(again, value, input)
            }
            if case .success(let value) = forward {
                let again = try self.forward(MetadataCodec.encode(value))
                same(again, value, input)
            }
            if case .success(let value) = timed {
                let again = try self.timed(MetadataCodec.encode(value))
                same(again, value, input)
            }
            if case .failure(let error) = staged, case .failure = forward, case .failure = timed { throw error }
        }
    }

    private func staged(_ contents: [UInt8]) throws -> [StagedMetadata] {
        try MetadataCodec.stagedMetadatas(contents.span.bytes, in: ByteRange(offset: 0, count: contents.count))
    }

    private func forward(_ contents: [UInt8]) throws -> ForwardMetadata {
        try MetadataCodec.forwardMetadata(contents.span.bytes, in: ByteRange(offset: 0, count: contents.count))
    }

    private func timed(_ contents: [UInt8]) throws -> TimedMetadata {
        try MetadataCodec.timedMetadata(contents.span.bytes, in: ByteRange(offset: 0, count: contents.count))
    }

    @Test func aggregatedMetrics() throws {
        let corpus = try Line.all("aggregated.jsonl").filter { $0.has("hex") }.map { try $0.bytes("hex") + [0x78, 7] }
        fuzz(25, corpus.filter { $0.count < 2_000 }) { input in
            let first = try AggregatedMetricReader.read(input.span.bytes, in: ByteRange(offset: 0, count: input.count))
            let id = first.id.array(from: input.span.bytes)
            let annotation = first.annotation.array(from: input.span.bytes)
            let policy = MetadataCodec.encode(first.storagePolicy)
            let again = written {
                AggregatedMetricWriter.append(
                    type: first.metricType, id: id.span.bytes, timeNanos: first.timeNanos, value: first.value,
                    annotation: annotation.span.bytes, policy: policy.span.bytes,
                    routingTrafficTypes: first.routingTrafficTypes, encodeNanos: first.encodeNanos, term: first.term,
                    to: &$0)
            }
            let second = try AggregatedMetricReader.read(again.span.bytes, in: ByteRange(offset: 0, count: again.count))
            same(first.term, second.term, input)
            let before = try DecodedMetric.oursAggregated(input)
            let after = try DecodedMetric.oursAggregated(again)
            same(before, after, input)
        }
    }

    @Test func remoteWrites() {
        fuzz(26, DecodedSeries.corpus) { input in
            let first = try DecodedSeries.ours(input)
            same(Optional(first), DecodedSeries.reference(input), input)
            let again = written { writer in
                for series in first {
                    let labels = stride(from: 0, to: series.labels.count, by: 2).map {
                        (name: series.labels[$0], value: series.labels[$0 + 1])
                    }
                    let samples = zip(series.times, series.values).map {
                        PrometheusSample(timestampMillis: $0, value: Double(bitPattern: $1))
                    }
                    RemoteWriteWriter.append(
                        labels: labels, samples: samples, m3Type: series.types[0], prometheusType: series.types[2],
                        to: &writer)
                }
            }
            let second = try DecodedSeries.ours(again)
            same(first.map(\.labels), second.map(\.labels), input)
            same(first.map(\.times), second.map(\.times), input)
        }
    }

    @Test func remoteReads() throws {
        let request = written { RemoteReadRequest.append(RemoteReadTests.queries, to: &$0) }
        fuzz(27, [request]) { input in
            let first = try RemoteReadTests.read(input)
            let again = written { RemoteReadRequest.append(first, to: &$0) }
            let second = try RemoteReadTests.read(again)
            same(first, second, input)
        }
        let series = RemoteReadSeries(
            labels: [(name: [97], value: [98])], samples: [PrometheusSample(timestampMillis: 5, value: 6)])
        let response = try written { try RemoteReadResponse.append([series, series], to: &$0) }
        fuzz(28, [response + response]) { input in
            let first = try RemoteReadTests.readResponse(input)
            var writer = ByteWriter()
            for result in first { try RemoteReadResponse.append(result, to: &writer) }
            let again = writer.array()
            let second = try RemoteReadTests.readResponse(again)
            same(first.map(\.count), second.map(\.count), input)
        }
    }

    @Test func snappy() {
        let blocks = SnappyTests.corpus.map { bytes in
            let start = Array(bytes.prefix(2_000))
            return Snappy.compress(start.span.bytes)
        }
        fuzz(29, blocks) { input in
            let bytes = try Snappy.decompress(input.span.bytes, limit: 4_000)
            if bytes.count > 4_000 { Issue.record("over the limit") }
            let again = Snappy.compress(bytes.span.bytes)
            let second = try Snappy.decompress(again.span.bytes, limit: bytes.count)
            same(bytes, second, input)
        }
    }

    @Test func subMessagesCutInTwoMeanTheSame() throws {
        var random = SplitMix64(seed: 30)
        var cuts = 0
        for payload in try ReferenceComparisonTests.payloads() {
            let whole = try DecodedMetric.ours(payload)
            for _ in 0..<20 {
                var scattered = Scatterer(random: random)
                let pieces = try scattered.scatter(payload, .metricWithMetadatas)
                random = scattered.random
                cuts += scattered.cuts
                let joined = try DecodedMetric.ours(pieces)
                same(whole, joined, pieces)
            }
        }
        #expect(cuts > 1_000)
    }
}

/// Cuts sub-messages between two of their fields, at any depth, into two pieces.
private struct Scatterer {
    var random: SplitMix64
    var cuts = 0

    init(random: SplitMix64) { self.random = random }

    mutating func scatter(_ message: [UInt8], _ schema: MergeSchema) throws -> [UInt8] {
        var result: [UInt8] = []
        for (tag, raw, contents) in try fields(message) {
            guard let contents, let child = schema.children.first(where: { $0.field == tag >> 3 }) else {
                result += raw
                continue
            }
            let inner = try scatter(contents, child.schema)
            let parts = try fields(inner)
            guard !child.isRepeated, parts.count > 1, Int.random(in: 0..<3, using: &random) == 0 else {
                result += encode(tag, inner)
                continue
            }
            cuts += 1
            let at = Int.random(in: 1..<parts.count, using: &random)
            result += encode(tag, parts[..<at].flatMap(\.raw)) + encode(tag, parts[at...].flatMap(\.raw))
        }
        return result
    }

    private func encode(_ tag: UInt32, _ contents: [UInt8]) -> [UInt8] {
        written { writer in
            writer.appendVarint(UInt64(tag))
            writer.appendVarint(UInt64(contents.count))
            writer.append(contentsOf: contents)
        }
    }

    private func fields(_ message: [UInt8]) throws -> [(tag: UInt32, raw: [UInt8], contents: [UInt8]?)] {
        var result: [(tag: UInt32, raw: [UInt8], contents: [UInt8]?)] = []
        let bytes = message.span.bytes
        var cursor = try WireCursor("message", bytes, ByteRange(offset: 0, count: message.count))
        while !cursor.isAtEnd {
            let start = cursor.offset
            let tag = try cursor.tag(bytes)
            var contents: ByteRange?
            if tag & 7 == 2 {
                contents = try cursor.lengthDelimited(bytes)
            } else {
                try cursor.skip(tag, lastKnown: 0, bytes)
            }
            let inner = contents.map { Array(message[$0.offset..<$0.end]) }
            result.append((tag, Array(message[start..<cursor.offset]), inner))
        }
        return result
    }
}
