import Aggregator
import Cluster
import ControlProtocol
import KeyValue
import MessageQueue
import Metrics
import NodeConfiguration
import SwiftProtobuf
import TestKit
import Testing
import WireFormat

@testable import Services

@Suite(.serialized) struct AggregatorRoleTests {
    private func port(_ address: String?) -> Int { Int(address?.split(separator: ":").last ?? "") ?? 0 }

    private func rawTCP(_ payload: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        RawTCPFrame.append(payload.span.bytes, to: &writer)
        return writer.array()
    }

    private func scrape(_ role: AggregatorRole) async throws -> String {
        try await HTTP.send("GET", "http://\(role.addresses.http)/metrics").text
    }

    @Test func aNodeAggregatesBetweenAProducerAndAConsumer() async throws {
        let fixture = try await RoleFixture()
        try await fixture.writeTopic()
        let role = try await fixture.start()
        let base = "http://\(role.addresses.http)"
        #expect(role.instanceID == "a1")
        #expect(try await HTTP.send("GET", "\(base)/ready").status == 200)
        #expect(try await HTTP.send("GET", "\(base)/health").text == "{\"state\":\"OK\"}\n")
        #expect(
            try await HTTP.send("GET", "\(base)/status").text
                == "{\"status\":{\"flushStatus\":{\"electionState\":\"leader\",\"canLead\":true}}}\n")
        #expect(try await HTTP.send("POST", "\(base)/status").text == "null\n")

        // Over m3msg as a producer sends it, and over raw TCP.
        let producer = try startProducer(try #require(role.addresses.m3msg))
        var batch = PayloadBatch()
        for value: Int64 in [3, 4] {
            batch.append(
                shard: try Message.shard("requests", of: 64), try Message.counter("requests", value, policy: "1s:1h"))
        }
        try producer.produce(batch)
        let peer = try LoopbackPeer(port: port(role.addresses.rawtcp))
        try peer.send(rawTCP(try Message.counter("raw", 5, policy: "1s:1h")))
        let published = try await poll("the windows to be published", every: .milliseconds(20)) { () -> [TapRecord]? in
            let records = fixture.published
            func sum(_ id: String) -> Double { records.filter { $0.id == id }.flatMap { $0.values ?? [] }.reduce(0, +) }
            return sum("requests") == 7 && sum("raw") == 5 ? records : nil
        }
        #expect(published.allSatisfy { $0.policy == "1s:1h" && $0.kind == "aggregated" })
        #expect(await producer.close(deadline: .seconds(30)).services[0].acked == 2)
        let metrics = try await scrape(role)
        #expect(metrics.contains("m3agg_raw_tcp_messages_total 1"))
        _ = await role.stop()
        await fixture.stop()
    }

    @Test func passthroughMetricsOfRawTCPArePublishedAsTheyAre() async throws {
        let fixture = try await RoleFixture()
        try await fixture.writeTopic()
        let role = try await fixture.start()
        let peer = try LoopbackPeer(port: port(role.addresses.rawtcp))
        let policy = MetadataCodec.encode(try StoragePolicy(parsing: "10s:2d"))
        var writer = ByteWriter()
        let id = Array("as.it.is".utf8)
        MetricWriter.appendPassthrough(
            type: .gauge, id: id.span.bytes, timeNanos: 1_700_000_001 * second, value: 2.5, policy: policy.span.bytes,
            to: &writer)
        try peer.send(rawTCP(writer.array()))
        let record = try await poll("the metric", every: .milliseconds(20)) { fixture.published.first }
        #expect(record.line == "aggregated as.it.is 2.5 @1700000001000ms 10s:2d")
        _ = await role.stop()
        await fixture.stop()
    }

    @Test func aPayloadOfRawTCPThatIsNoMetricCostsItsConnection() async throws {
        let fixture = try await RoleFixture()
        try await fixture.writeTopic()
        let role = try await fixture.start()
        let peer = try LoopbackPeer(port: port(role.addresses.rawtcp))
        try peer.send(rawTCP([0xff, 0xff]))
        _ = try await poll("the bad payload to be counted", every: .milliseconds(20)) {
            try await scrape(role).contains("m3agg_raw_tcp_bad_total{reason=") ? true : nil
        }
        _ = try await poll("the connection to be closed", every: .milliseconds(20)) {
            try await scrape(role).contains("m3agg_raw_tcp_connections 0\n") ? true : nil
        }
        _ = await role.stop()
        await fixture.stop()
    }

    @Test func theSameStoreServesTheNextStartWithOtherPorts() async throws {
        let fixture = try await RoleFixture()
        try await fixture.writeTopic()
        for _ in 0..<2 {
            let role = try await fixture.start()
            let endpoint = try #require(role.addresses.m3msg)
            _ = await role.stop()
            try await fixture.withStore { store in
                let placement = try await PlacementStore(
                    store: store, serviceID: ServiceID(name: "m3aggregator"), form: .staged
                ).get()?.value
                #expect(placement?.instances.map(\.endpoint) == [endpoint])
                #expect(placement?.shards(of: "a1").count == 64)
            }
        }
        await fixture.stop()
    }

    @Test func limitsAndShardsFollowTheStore() async throws {
        let fixture = try await RoleFixture()
        let limits = RuntimeLimits(
            try fixture.configuration().runtimeLimits, numShards: 64, replicaFactor: 2, logger: quiet)
        func stored(_ value: Int64) throws -> VersionedValue {
            var message = Commonpb_Int64Proto()
            message.value = value
            return VersionedValue(bytes: try message.serializedBytes(), version: 1, revision: 1)
        }
        #expect(limits.current == AggregatorRuntimeOptions())
        limits.setNewMetrics(nil)
        #expect(limits.current.newMetricLimitPerShardPerSecond == 0)
        limits.setValuesPerMetric(try stored(12))
        limits.setNewMetrics(try stored(129))
        #expect(
            limits.current
                == AggregatorRuntimeOptions(valuesPerMetricLimitPerSecond: 12, newMetricLimitPerShardPerSecond: 2))
        // What is no number changes nothing.
        limits.setValuesPerMetric(VersionedValue(bytes: [0xff], version: 2, revision: 2))
        #expect(limits.current.valuesPerMetricLimitPerSecond == 12)
        limits.setValuesPerMetric(nil)
        #expect(limits.current.valuesPerMetricLimitPerSecond == 0)
        await fixture.stop()
    }

    @Test func aMissingTopicIsNamedAndLeavesNothingRunning() async throws {
        let fixture = try await RoleFixture()
        var configuration = try fixture.configuration()
        if case .m3msg(var output) = configuration.outputs[0] {
            output.producer.topicInitTimeoutNanos = 1_000_000
            configuration.outputs[0] = .m3msg(output)
        }
        do {
            let role = try await AggregatorRole.start(
                configuration: configuration, environment: [:], group: testLoops, logger: quiet)
            Issue.record("started without a topic")
            _ = await role.stop()
        } catch {
            #expect("\(error)".contains("there is no topic 'aggregated_metrics'"))
        }
        // The store can be opened again: nothing holds it.
        try await fixture.withStore { _ in }
        await fixture.stop()
    }
}
