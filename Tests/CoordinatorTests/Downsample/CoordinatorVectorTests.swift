import Coordinator
import Foundation
import Metrics
import Rules
import TestKit
import Testing
import WireFormat

/// Messages must be byte for byte those of a real M3 coordinator with the same rules.
@Suite struct CoordinatorVectorTests {
    private static let capturedRules = """
        rollupRules:
        - filter: "__name__:http_requests"
          transforms:
          - transform: {type: Increase}
          - rollup: {metricName: http_requests_by_status_code, groupBy: [app, status_code], aggregations: [Sum]}
          - transform: {type: Add}
          storagePolicies: [10s:48h]
        """

    @Test(.vectors, arguments: try VectorLine.all("coordinator_ingest.jsonl"))
    func messageOfARealCoordinatorIsMade(_ vector: VectorLine) throws {
        let line = try vector.object()
        var harness = try DownsampleHarness(
            Self.capturedRules,
            options: DownsamplerOptions(
                autoMappingPolicies: [try StoragePolicy(parsing: "10s:2d")], storesMetricTypes: true))
        let message = try #require(line["message"] as? [String: Any])
        let idHex = try #require((message["id"] as? [String: Any])?["hex"] as? String)
        let id = try #require(Fixtures.bytes(hex: idHex))
        let annotation = try #require(message["annotation_hex"] as? String)
        let time = try #require(message["time_nanos"] as? NSNumber).int64Value
        let value = try #require(message["value"] as? NSNumber).doubleValue
        harness.nowNanos = time
        let body = DownsampleHarness.request(
            try Labels(encodedTags: id).pairs, [(time / 1_000_000, value)],
            prometheusType: annotation.isEmpty ? 0 : 1)
        let sent = try harness.sent(try harness.handle(body))
        let made = try #require(sent.first)
        #expect(sent.count == 1)
        #expect(made.kind == .timedWithMetadatas)
        #expect(made.type.name == message["metric_type"] as? String)
        #expect(made.id.hex == idHex)
        #expect(made.timeNanos == time)
        #expect(made.value == value)
        #expect(made.annotation.hex == annotation)
        #expect(made.shard == (line["shard"] as? NSNumber)?.uint32Value)
        let stages = try made.stages()
        let expected = try #require(message["metadatas"] as? [[String: Any]])
        #expect(stages.count == expected.count)
        for (stage, json) in zip(stages, expected) {
            #expect(stage.cutoverNanos == (json["cutover_nanos"] as? NSNumber)?.int64Value)
            #expect(stage.tombstoned == json["tombstoned"] as? Bool)
            let pipelines = try #require(json["pipelines"] as? [[String: Any]])
            #expect(stage.pipelines.count == pipelines.count)
            for (pipeline, json) in zip(stage.pipelines, pipelines) { try compare(pipeline, json) }
        }
    }

    @Test func theFileHoldsTwoLines() throws {
        #expect(try VectorLine.all("coordinator_ingest.jsonl").count == 2)
    }

    private func compare(_ pipeline: PipelineMetadata, _ json: [String: Any]) throws {
        let id = ((json["aggregation"] as? [String: Any])?["id"] as? NSNumber)?.uint64Value
        #expect(pipeline.aggregationID.rawValue == id)
        let policies = try #require(json["storage_policies"] as? [[String: Any]])
        #expect(pipeline.storagePolicies.map(\.description) == policies.compactMap { $0["string"] as? String })
        let ops = try #require(json["pipeline"] as? [[String: Any]])
        #expect(pipeline.pipeline.ops.count == ops.count)
        for (op, json) in zip(pipeline.pipeline.ops, ops) {
            switch op {
            case .transformation(let type): #expect(type.name == json["transformation"] as? String)
            case .rollup(let id, let aggregation):
                #expect(id.hex == (json["rollup"] as? [String: Any])?["hex"] as? String)
                let types = (json["aggregation"] as? [String: Any])?["id"] as? NSNumber
                #expect(aggregation.rawValue == types?.uint64Value)
            }
        }
        #expect(pipeline.dropPolicy.rawValue == (json["drop_policy"] as? NSNumber)?.uint64Value)
    }

    private static let streamRules = """
        downsample:
          rules:
            mappingRules:
            - {filter: "__name__:prometheus_http_request_duration_seconds_bucket handler:/-/*", drop: true}
            - {filter: "__name__:node_memory_*", aggregations: [Max], storagePolicies: [{resolution: 10s, retention: 48h}]}
            rollupRules:
            - filter: "__name__:node_cpu_seconds_total mode:*"
              transforms:
              - transform: {type: Increase}
              - rollup: {metricName: node_cpu_seconds_by_mode, groupBy: [mode, job], aggregations: [Sum]}
              - transform: {type: Add}
              storagePolicies: [{resolution: 10s, retention: 48h}]
            - filter: "__name__:prometheus_http_request_duration_seconds_bucket le:*"
              transforms:
              - transform: {type: Increase}
              - rollup: {metricName: http_latency_bucket, groupBy: [le], aggregations: [Sum]}
              - transform: {type: Add}
              storagePolicies: [{resolution: 10s, retention: 48h}]
            - filter: "__name__:go_goroutines"
              transforms:
              - rollup: {metricName: goroutines_max, groupBy: [], aggregations: [Max]}
              storagePolicies: [{resolution: 10s, retention: 48h}]
        """

    /// The payloads, with their shards, of the frames that the coordinator of the recorded run sent.
    private func recorded() throws -> [DownsampleHarness.Sent] {
        var connections: [Int: [UInt8]] = [:]
        for line in try Fixtures.vectors("streams/prometheus-ingest.jsonl.gz") where line["dir"] as? String == "in" {
            let connection = try #require(line["conn"] as? NSNumber).intValue
            let hex = try #require(line["hex"] as? String)
            connections[connection, default: []] += try #require(Fixtures.bytes(hex: hex))
        }
        var sent: [DownsampleHarness.Sent] = []
        for bytes in connections.values {
            let span = bytes.span.bytes
            var offset = 0
            while let frame = try M3MsgFrame.next(span, at: offset) {
                offset = frame.end
                let message = try M3MsgFrame.readMessage(span, in: frame)
                let payload = message.value.array(from: span)
                let metric = try DownsampleHarness.read(payload, shard: UInt32(message.shard))
                // The aggregator's own connections carry forwarded values.
                if metric.kind == .timedWithMetadatas { sent.append(metric) }
            }
        }
        return sent
    }

    @Test func everyMessageOfTheRecordedCoordinatorIsMadeByteForByte() throws {
        let recorded = try recorded()
        #expect(recorded.count == 5983)
        let rollups = try recorded.filter { try $0.labels().contains("__rollup__") }
        let cutover = try #require(try rollups.first?.stages().first?.cutoverNanos)
        var harness = try DownsampleHarness(
            Self.streamRules, cutoverNanos: cutover,
            options: DownsamplerOptions(
                autoMappingPolicies: [try StoragePolicy(parsing: "10s:48h")], storesMetricTypes: true))
        let expected = Set(recorded)
        var made: Set<DownsampleHarness.Sent> = []
        for message in recorded where !rollups.contains(message) {
            harness.nowNanos = message.timeNanos
            let body = DownsampleHarness.request(
                try Labels(encodedTags: message.id).pairs, [(message.timeNanos / 1_000_000, message.value)])
            made.formUnion(try harness.sent(try harness.handle(body)))
        }
        #expect(made.subtracting(expected).isEmpty)
        #expect(expected.subtracting(made).isEmpty)
        #expect(Set(recorded.map(\.id)).count == 53)
        #expect(harness.downsampler.cacheState.series == 52)
        let dropped = try harness.send(
            "__name__=prometheus_http_request_duration_seconds_bucket handler=/-/ready le=1")
        // A rollup matched as well, so the drop has no effect on what is sent.
        #expect(dropped.count == 1)
    }
}
