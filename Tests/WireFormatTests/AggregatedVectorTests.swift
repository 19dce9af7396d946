import Metrics
import TestKit
import Testing
import WireFormat

@Suite struct AggregatedVectorTests {
    @Test func theFilesHoldTheseLines() throws {
        #expect(try VectorLine.kinds("aggregated.jsonl") == ["aggregated": 13, "aggregated_error": 1])
        #expect(try VectorLine.all("aggregated_from_real_aggregator.jsonl").count == 63)
    }

    @Test(.vectors, arguments: try VectorLine.all("aggregated.jsonl"))
    func outputDecodesAndEncodesToTheSameBytes(_ vector: VectorLine) throws {
        let line = try Line(vector)
        let input = try line.line("input")
        if try line.string("kind") == "aggregated_error" {
            // M3's encoder refuses a policy without figures; our reader refuses what stands for it.
            let id: [UInt8] = [1]
            let empty: [UInt8] = [0x0a, 0, 0x12, 0]
            let payload = written {
                AggregatedMetricWriter.append(
                    id: id.span.bytes, timeNanos: 1, value: 1, policy: empty.span.bytes, to: &$0)
            }
            #expect(throws: WireError.emptyResolution) {
                try AggregatedMetricReader.read(payload.span.bytes, in: .all(of: payload.span.bytes))
            }
            return
        }
        let view = try checkBytes(try line.bytes("hex"))
        #expect(view.id.count == (try input.line("id").int64("len")))
        guard line.has("decoded") else {
            #expect(view.encodeNanos == (try input.int64("encode_nanos")))
            return
        }
        #expect(view.metricType == (try input.metricType("metric_type")))
        let decoded = try line.line("decoded")
        #expect(view.timeNanos == (try decoded.int64("time_nanos")))
        #expect(sameValues([view.value], [try decoded.double("value")]))
        #expect(view.storagePolicy.description == (try decoded.string("storage_policy")))
        #expect(view.encodeNanos == (try decoded.int64("encode_nanos")))
        #expect(view.routingTrafficTypes == (try input.uint64("routing_traffic_types")))
        #expect(view.term == 0)
    }

    @Test(.vectors, arguments: try VectorLine.all("aggregated_from_real_aggregator.jsonl"))
    func outputOfARealAggregatorDecodesAndEncodesToTheSameBytes(_ vector: VectorLine) throws {
        try checkRealOutput(try Line(vector))
    }

    @Test func outputsOfTheRecordedRunDecodeAndEncodeToTheSameBytes() throws {
        let lines = try Line.all("streams/prometheus-aggregated.jsonl.gz")
        #expect(lines.count == 1_279)
        for line in lines { try checkRealOutput(line) }
    }

    private func checkRealOutput(_ line: Line) throws {
        let view = try checkBytes(try line.bytes("hex"))
        #expect(view.timeNanos == (try line.int64("time_nanos")))
        #expect(view.storagePolicy.description == (try line.string("policy")))
        #expect(sameValues([view.value], [try line.double("value")]))
    }

    private func checkBytes(_ payload: [UInt8]) throws -> AggregatedMetricView {
        let bytes = payload.span.bytes
        let view = try AggregatedMetricReader.read(bytes, in: .all(of: bytes))
        let id = view.id.array(from: bytes)
        let annotation = view.annotation.array(from: bytes)
        let policy = MetadataCodec.encode(view.storagePolicy)
        func encode(splitAt split: Int, term: UInt64) -> [UInt8] {
            written {
                AggregatedMetricWriter.append(
                    type: view.metricType, idPrefix: Array(id[..<split]).span.bytes,
                    id: Array(id[split...]).span.bytes, timeNanos: view.timeNanos, value: view.value,
                    annotation: annotation.span.bytes, policy: policy.span.bytes,
                    routingTrafficTypes: view.routingTrafficTypes, encodeNanos: view.encodeNanos, term: term, to: &$0)
            }
        }
        #expect(encode(splitAt: 0, term: 0) == payload)
        #expect(encode(splitAt: id.count / 2, term: 0) == payload)
        #expect(encode(splitAt: 0, term: 300) == payload + [0x78, 0xac, 0x02])
        return view
    }

    @Test func theTermComesBack() throws {
        let policy = MetadataCodec.encode(try StoragePolicy(parsing: "10s:2d"))
        let id: [UInt8] = [1, 2, 3]
        let payload = written {
            AggregatedMetricWriter.append(
                idPrefix: id.span.bytes.extracting(0..<1), id: id.span.bytes.extracting(1..<2),
                idSuffix: id.span.bytes.extracting(2..<3), timeNanos: 5, value: 6,
                policy: policy.span.bytes, term: .max, to: &$0)
        }
        let view = try AggregatedMetricReader.read(payload.span.bytes, in: .all(of: payload.span.bytes))
        #expect(view.term == .max)
        #expect(view.id.array(from: payload.span.bytes) == id)
    }

    @Test func aFieldOfSomeoneElseInPlaceOfTheTermIsPassedOver() throws {
        let policy = MetadataCodec.encode(try StoragePolicy(parsing: "10s:2d"))
        let id: [UInt8] = [2]
        var payload = written {
            AggregatedMetricWriter.append(
                id: id.span.bytes, timeNanos: 5, value: 6, policy: policy.span.bytes, to: &$0)
        }
        payload += [0x7a, 1, 9]
        #expect(try AggregatedMetricReader.read(payload.span.bytes, in: .all(of: payload.span.bytes)).term == 0)
    }
}
