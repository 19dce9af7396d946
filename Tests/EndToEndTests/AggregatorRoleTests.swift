import Cluster
import Foundation
import KeyValue
import Logging
import MessageQueue
import Metrics
import NIOCore
import NIOPosix
import Services
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

/// `m3agg aggregator` as a process of its own, between a producer and a consumer of the test.
@Suite(.serialized) struct AggregatorRoleTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private final class Published: Sendable {
        let records = Mutex<[TapRecord]>([])
    }

    /// What an operator would write: the topic of aggregated metrics and where its consumer is.
    private func writeTopic(in directory: String, consumer: String) async throws {
        let store = try EmbeddedStore(directory: directory)
        let service = ServiceID(name: ServiceID.coordinatorName)
        let endpoint = try Endpoint(parsing: consumer)
        _ = try await PlacementStore(store: store, serviceID: service).update { (_) throws(ClusterError) in
            try .initial(unsharded: [
                Instance(
                    id: "c", isolationGroup: "c", weight: 1, endpoint: endpoint.description, hostname: endpoint.host,
                    port: UInt32(endpoint.port))
            ])
        }
        _ = try await TopicStore(store: store).update("aggregated_metrics") { (_) throws(ClusterError) in
            Topic(
                name: "aggregated_metrics", numberOfShards: 64,
                consumerServices: [ConsumerService(serviceID: service, consumptionType: .shared, messageTTLNanos: 0)])
        }
        await store.close()
    }

    private func counter(_ id: String, _ value: Int64, _ pipeline: PipelineMetadata) -> [UInt8] {
        let metadatas = MetadataCodec.encode([StagedMetadata(pipelines: [pipeline])])
        let bytes = Array(id.utf8)
        var writer = ByteWriter()
        MetricWriter.appendCounter(
            id: bytes.span.bytes, value: value, metadatas: metadatas.span.bytes, to: &writer)
        return writer.array()
    }

    @Test(.timeLimit(.minutes(3))) func aNodeAggregatesForwardsAndStopsInOrder() async throws {
        let directory = try TemporaryDirectory("aggregator")
        let group = MultiThreadedEventLoopGroup.singleton
        let published = Published()
        let (tap, address) = try await MessageTap.start(
            host: "127.0.0.1", port: 0, group: group, logger: Self.quiet
        ) { new in published.records.withLock { $0 += new } }
        try await writeTopic(in: directory.path("control"), consumer: "127.0.0.1:\(address.port ?? 0)")
        let file = try directory.write(
            """
            node:
              instance: ${M3AGG_TEST_INSTANCE:nobody}
              embedded: \(directory.path("control"))
              listen: {m3msg: "127.0.0.1:0", rawtcp: "127.0.0.1:0", http: "127.0.0.1:0"}
              buffers: {past: 100ms, forwarding: 4s}
            """, to: "node.yml")
        let addressFile = directory.path("addresses.json")
        let process = try ServerProcess(
            name: "aggregator", executable: StandaloneServer.binary,
            arguments: ["aggregator", "-f", file, "--addresses", addressFile], directory: directory.url,
            environment: ["M3AGG_TEST_INSTANCE": "node-1"])
        let addresses = try await poll("the addresses", deadline: .seconds(60)) { () -> RoleAddresses? in
            try process.checkRunning()
            return try JSONDecoder().decode(
                RoleAddresses.self, from: Data(contentsOf: URL(fileURLWithPath: addressFile)))
        }
        #expect(try await HTTP.send("GET", "http://\(addresses.http)/ready").status == 200)
        #expect(try await HTTP.send("GET", "http://\(addresses.http)/health").text == "{\"state\":\"OK\"}\n")

        // Two series per window, on their own and as a rollup over both.
        let policy = try StoragePolicy(parsing: "1s:1h")
        let plain = PipelineMetadata(aggregationID: AggregationID([.sum]), storagePolicies: [policy])
        let rollup = PipelineMetadata(
            aggregationID: AggregationID([.sum]), storagePolicies: [policy],
            pipeline: AppliedPipeline([.rollup(id: Array("total".utf8), aggregationID: AggregationID([.sum]))]))
        let producer = try Producer.start(
            route: ProducerRoute(
                topic: "aggregator_ingest", numberOfShards: 64,
                services: [
                    .init(
                        name: "m3aggregator", consumption: .replicated, numberOfShards: 64,
                        endpoints: [try #require(addresses.m3msg)])
                ]), group: group, registry: Registry(), logger: Self.quiet)
        var batch = PayloadBatch()
        for (id, value) in [("a", Int64(3)), ("b", 4)] {
            let shard = Murmur3.hash32(Array(id.utf8)) % 64
            batch.append(shard: shard, counter(id, value, plain))
            batch.append(shard: shard, counter("\(id).rolled", value, rollup))
        }
        try producer.produce(batch)
        func sum(_ id: String) -> Double {
            published.records.withLock { $0 }.filter { $0.id == id }.flatMap { $0.values ?? [] }.reduce(0, +)
        }
        _ = try await poll("plain values and the rollup", deadline: .seconds(60)) {
            sum("a") == 3 && sum("b") == 4 && sum("total") == 7 ? true : nil
        }
        let metrics = ScrapedMetrics(text: try await HTTP.send("GET", "http://\(addresses.http)/metrics").text)
        #expect(metrics.total("m3agg_aggregator_open_values_unaccounted") == 0)
        #expect(metrics.total("m3agg_aggregator_consumed_values_total") >= 6)
        #expect(await producer.close(deadline: .seconds(30)).services[0].acked == 4)
        #expect(await process.stop() == 0)
        #expect(process.log.contains("stopped: "))
        await tap.stop()
    }

    @Test func aConfigurationThatIsWrongEndsTheProcessAndSaysWhy() async throws {
        let directory = try TemporaryDirectory("aggregator-bad")
        let file = try directory.write("node:\n  instanze: a\n  embedded: x\n", to: "node.yml")
        let process = try ServerProcess(
            name: "aggregator", executable: StandaloneServer.binary, arguments: ["aggregator", "-f", file],
            directory: directory.url)
        _ = try await poll("the end", deadline: .seconds(60)) { process.isRunning ? nil : true }
        #expect(await process.stop() == 1)
        #expect(process.log.contains("instanze"))
    }
}
