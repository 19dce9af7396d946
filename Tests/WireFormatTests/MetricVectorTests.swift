import Metrics
import TestKit
import Testing
import WireFormat

@Suite struct MetricVectorTests {
    @Test func theFileHoldsTheseLines() throws {
        let lines = try Line.all("unaggregated.jsonl")
        #expect(lines.filter { $0.object["kind"] as? String == "unaggregated_error" }.count == 1)
        var accepted: [String: Int] = [:]
        for line in lines where line.has("decoded") {
            accepted[try line.line("decoded").string("type"), default: 0] += 1
        }
        #expect(
            accepted == [
                "counter": 32, "timer": 24, "gauge": 27, "timed_with_staged_metadatas": 17, "timed": 8,
                "forwarded": 6, "passthrough": 1,
            ])
    }

    @Test(.vectors, arguments: try VectorLine.all("unaggregated.jsonl"))
    func payloadDecodesAndEncodesToTheSameBytes(_ vector: VectorLine) throws {
        let line = try Line(vector)
        if try line.string("kind") == "unaggregated_error" {
            // M3's encoder refuses a policy without figures; what stands for it on the wire our reader refuses.
            let metadata = MetadataCodec.encode(
                TimedMetadata(
                    aggregationID: .default,
                    storagePolicy: StoragePolicy(resolutionNanos: 0, precisionNanos: 0, retentionNanos: 0)))
            #expect(throws: WireError.emptyResolution) {
                try MetadataCodec.timedMetadata(metadata.span.bytes, in: ByteRange(offset: 0, count: metadata.count))
            }
            return
        }
        let decoded = try line.line("decoded")
        let name = try line.string("name")
        try check(
            try line.bytes("hex"), decoded, try line.line("input"), type: try decoded.string("type"), "\(name)")
    }

    private func check(
        _ payload: [UInt8], _ decoded: Line, _ input: Line, type: String, _ name: Comment
    ) throws {
        let bytes = payload.span.bytes
        let view = try MetricReader.read(bytes, in: .all(of: bytes))
        let id = view.id.array(from: bytes)
        let annotation = view.annotation.array(from: bytes)
        let metadata = view.metadata.array(from: bytes)
        #expect(try decoded.isID(id), name)
        if decoded.has("annotation_hex") { #expect(annotation == (try decoded.bytes("annotation_hex")), name) }
        if decoded.has("client_time_nanos") {
            #expect(view.clientTimeNanos == (try decoded.int64("client_time_nanos")), name)
        }
        var values: [Double] = []
        view.forEachValue(in: bytes) { values.append($0) }
        #expect(values.count == view.valueCount, name)

        let again: [UInt8]
        switch type {
        case "counter":
            #expect(view.kind == .counter && view.metricType == .counter, name)
            #expect(view.counterValue == (try decoded.int64("value")), name)
            #expect(
                try MetadataCodec.stagedMetadatas(bytes, in: view.metadata) == decoded.stagedMetadatas("metadatas"),
                name)
            again = try written {
                MetricWriter.appendCounter(
                    id: id.span.bytes, value: view.counterValue, annotation: annotation.span.bytes,
                    clientTimeNanos: view.clientTimeNanos,
                    metadatas: MetadataCodec.encode(try decoded.stagedMetadatas("metadatas")).span.bytes, to: &$0)
            }
        case "timer":
            #expect(view.kind == .batchTimer && view.metricType == .timer, name)
            #expect(view.clientTimeNanos == 0, "receivers of batch timers lose the client time: \(name)")
            // The vectors leave long lists out and give their length only.
            let expected = decoded.has("values") ? try decoded.doubles("values") : values
            #expect(sameValues(values, expected), name)
            #expect(values.count == (try decoded.int64("num_values")), name)
            let clientTime = input.has("client_time_nanos") ? try input.int64("client_time_nanos") : 0
            again = try written {
                MetricWriter.appendBatchTimer(
                    id: id.span.bytes, values: values.span, annotation: annotation.span.bytes,
                    clientTimeNanos: clientTime,
                    metadatas: MetadataCodec.encode(try decoded.stagedMetadatas("metadatas")).span.bytes, to: &$0)
            }
        case "gauge":
            #expect(view.kind == .gauge && view.metricType == .gauge, name)
            #expect(sameValues([view.value], [try decoded.double("value")]), name)
            again = try written {
                MetricWriter.appendGauge(
                    id: id.span.bytes, value: view.value, annotation: annotation.span.bytes,
                    clientTimeNanos: view.clientTimeNanos,
                    metadatas: MetadataCodec.encode(try decoded.stagedMetadatas("metadatas")).span.bytes, to: &$0)
            }
        case "timed_with_staged_metadatas":
            #expect(view.kind == .timedWithMetadatas, name)
            try checkTimed(view, decoded, name)
            again = try written {
                MetricWriter.appendTimed(
                    type: view.metricType, id: id.span.bytes, timeNanos: view.timeNanos, value: view.value,
                    annotation: annotation.span.bytes,
                    metadatas: MetadataCodec.encode(try decoded.stagedMetadatas("metadatas")).span.bytes, to: &$0)
            }
        case "timed":
            #expect(view.kind == .timedWithMetadata, name)
            try checkTimed(view, decoded, name)
            let timed = try MetadataCodec.timedMetadata(bytes, in: view.metadata)
            #expect(timed.aggregationID == (try decoded.aggregationID()), name)
            #expect(timed.storagePolicy.description == (try decoded.string("storage_policy")), name)
            #expect(timed.routingTrafficTypes == (try decoded.uint64("routing_traffic_types")), name)
            again = written {
                MetricWriter.appendTimed(
                    type: view.metricType, id: id.span.bytes, timeNanos: view.timeNanos, value: view.value,
                    annotation: annotation.span.bytes, metadata: MetadataCodec.encode(timed).span.bytes, to: &$0)
            }
        case "passthrough":
            #expect(view.kind == .passthrough, name)
            try checkTimed(view, decoded, name)
            let policy = try MetadataCodec.storagePolicy(bytes, in: view.metadata)
            #expect(policy.description == (try decoded.string("storage_policy")), name)
            #expect(view.routingTrafficTypes == (try decoded.uint64("routing_traffic_types")), name)
            again = written {
                MetricWriter.appendPassthrough(
                    type: view.metricType, id: id.span.bytes, timeNanos: view.timeNanos, value: view.value,
                    annotation: annotation.span.bytes, policy: MetadataCodec.encode(policy).span.bytes,
                    routingTrafficTypes: view.routingTrafficTypes, to: &$0)
            }
        default:
            #expect(type == "forwarded" && view.kind == .forwarded, name)
            again = try forwardedAgain(view, bytes, decoded, name)
        }
        #expect(again == payload, name)
        #expect(metadata == view.metadata.array(from: again.span.bytes), name)
    }

    private func checkTimed(_ view: MetricView, _ decoded: Line, _ name: Comment) throws {
        #expect(view.metricType == (try decoded.metricType("metric_type")), name)
        #expect(view.timeNanos == (try decoded.int64("time_nanos")), name)
        #expect(sameValues([view.value], [try decoded.double("value")]), name)
    }

    private func forwardedAgain(
        _ view: MetricView, _ bytes: RawSpan, _ decoded: Line, _ name: Comment
    ) throws -> [UInt8] {
        var values: [Double] = []
        var prevValues: [Double] = []
        view.forEachValue(in: bytes) { values.append($0) }
        view.forEachPrevValue(in: bytes) { prevValues.append($0) }
        let metadata = try MetadataCodec.forwardMetadata(bytes, in: view.metadata)
        #expect(view.metricType == (try decoded.metricType("metric_type")), name)
        #expect(view.timeNanos == (try decoded.int64("time_nanos")), name)
        #expect(view.version == (try decoded.int64("version")), name)
        #expect(sameValues(values, try decoded.doubles("values")), name)
        #expect(sameValues(prevValues, try decoded.doubles("prev_values")), name)
        #expect(metadata.aggregationID == (try decoded.aggregationID()), name)
        #expect(metadata.storagePolicy.description == (try decoded.string("storage_policy")), name)
        #expect(metadata.pipeline == (try decoded.pipeline("pipeline")), name)
        #expect(metadata.sourceID == (try decoded.int64("source_id")), name)
        #expect(metadata.numForwardedTimes == (try decoded.int64("num_forwarded_times")), name)
        #expect(metadata.resendEnabled == (try decoded.bool("resend_enabled")), name)
        #expect(metadata.routingTrafficTypes == (try decoded.uint64("routing_traffic_types")), name)
        let id = view.id.array(from: bytes)
        let annotation = view.annotation.array(from: bytes)
        return written {
            MetricWriter.appendForwarded(
                type: view.metricType, id: id.span.bytes, timeNanos: view.timeNanos, values: values.span,
                annotation: annotation.span.bytes, prevValues: prevValues.span, version: view.version,
                metadata: MetadataCodec.encode(metadata).span.bytes, to: &$0)
        }
    }
}
