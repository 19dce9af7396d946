import Cluster
import Etcd
import Foundation
import KeyValue
import MessageQueue
import Metrics
import NodeConfiguration
import Synchronization
import Telemetry
import TestKit
import Testing
import WireFormat

@testable import Services

/// M3's own files start nodes over an etcd; a second file only says where things are.
@Suite(.serialized) struct StockConfigurationTests {
    private static let shards: UInt32 = 64

    /// An etcd with the placements and topics that an operator of M3 makes, and a consumer of aggregated metrics.
    private final class Cluster {
        let etcd: TestKit.EtcdCluster
        let store: EtcdStore
        let environment: String
        private let records = Records()
        private var consumer: ConsumerServer?

        final class Records: Sendable {
            let values = Mutex<[TapRecord]>([])
        }

        var published: [TapRecord] { records.values.withLock { $0 } }

        init(environment: String, instances: [(id: String, endpoint: String)]) async throws {
            self.environment = environment
            etcd = try await TestKit.EtcdCluster()
            let endpoint = try Endpoint(parsing: etcd.endpoints[0])
            store = EtcdStore(
                options: EtcdOptions(endpoints: [endpoint]), group: testLoops, registry: Registry(), logger: quiet)
            let records = records
            let (server, port) = try await startServer(MessageTap { new in records.values.withLock { $0 += new } })
            consumer = server
            try await writeAggregators(instances)
            try await writeTopics(consumerPort: port)
        }

        /// Each instance has a part of the shards and a shard set of its own.
        private func writeAggregators(_ instances: [(id: String, endpoint: String)]) async throws {
            let part = shards / UInt32(instances.count)
            let all = try instances.enumerated().map { index, item in
                let endpoint = try Endpoint(parsing: item.endpoint)
                let first = UInt32(index) * part
                return Instance(
                    id: item.id, isolationGroup: item.id, weight: 1, endpoint: item.endpoint,
                    shards: (first..<first + part).map { ShardAssignment(id: $0, state: .available) },
                    shardSetID: UInt32(index) + 1, hostname: endpoint.host, port: UInt32(endpoint.port))
            }
            let placement = Placement(
                instances: all, replicaFactor: 1, numShards: shards, isSharded: true, isMirrored: true,
                maxShardSetID: UInt32(instances.count))
            let service = ServiceID(name: ServiceID.aggregatorName, environment: environment)
            _ = try await PlacementStore(store: store, serviceID: service).update { (_) throws(ClusterError) in
                placement
            }
        }

        private func writeTopics(consumerPort: Int) async throws {
            let coordinator = ServiceID(name: ServiceID.coordinatorName, environment: environment)
            let consumer = Instance(
                id: "c", isolationGroup: "c", weight: 1, endpoint: "127.0.0.1:\(consumerPort)", hostname: "127.0.0.1",
                port: UInt32(consumerPort))
            _ = try await PlacementStore(store: store, serviceID: coordinator).update { (_) throws(ClusterError) in
                try .initial(unsharded: [consumer])
            }
            let aggregator = ServiceID(name: ServiceID.aggregatorName, environment: environment)
            for (name, service, type) in [
                ("aggregated_metrics", coordinator, ConsumptionType.shared),
                ("aggregator_ingest", aggregator, .replicated),
            ] {
                _ = try await TopicStore(store: store, environment: environment).update(name) {
                    (_) throws(ClusterError) in
                    Topic(
                        name: name, numberOfShards: StockConfigurationTests.shards,
                        consumerServices: [
                            ConsumerService(serviceID: service, consumptionType: type, messageTTLNanos: 0)
                        ])
                }
            }
        }

        private var shards: UInt32 { StockConfigurationTests.shards }

        /// Starts a node from one of M3's files and a file with addresses.
        func start(_ file: String, addresses: String, as id: String) async throws -> AggregatorRole {
            let url = Fixtures.directory.appendingPathComponent("configuration/\(file)")
            let environment = ["M3AGGREGATOR_HOST_ID": id, "ETCD": etcd.endpoints[0]]
            let text = """
                metrics: {prometheus: {listenAddress: "127.0.0.1:0"}}
                http: {listenAddress: "127.0.0.1:0"}
                kvClient: {etcd: {etcdClusters: [{zone: embedded, endpoints: ["${ETCD}"]}]}}
                """ + "\n" + addresses
            let loaded = try AggregatorConfiguration.read(
                [(file, [UInt8](try Data(contentsOf: url))), ("addresses.yml", Array(text.utf8))],
                environment: environment)
            #expect(AggregatorRole.refusals(of: loaded).isEmpty)
            return try await AggregatorRole.start(
                configuration: loaded.configuration, environment: environment, group: testLoops, logger: quiet)
        }

        func stop() async {
            await consumer?.stop()
            await store.close()
            await etcd.stopAll()
        }
    }

    private func port(_ address: String?) -> Int { Int(address?.split(separator: ":").last ?? "") ?? 0 }

    private func rawTCP(_ payload: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        RawTCPFrame.append(payload.span.bytes, to: &writer)
        return writer.array()
    }

    /// A name whose shard lies in a range.
    private func name(_ prefix: String, in shards: Range<UInt32>) throws -> String {
        for number in 0..<10_000 {
            let name = "\(prefix)\(number)"
            if shards.contains(try Message.shard(name, of: Self.shards)) { return name }
        }
        throw DeadlinePassed(description: "no name for \(shards)")
    }

    /// A counter whose sum is added to a rollup.
    private func counter(_ name: String, _ value: Int64, rollup: String) throws -> [UInt8] {
        let metadatas = MetadataCodec.encode([
            StagedMetadata(pipelines: [
                PipelineMetadata(
                    aggregationID: AggregationID([.sum]), storagePolicies: [try StoragePolicy(parsing: "1s:1h")],
                    pipeline: AppliedPipeline([
                        .rollup(id: try Message.id(rollup), aggregationID: AggregationID([.sum]))
                    ]))
            ])
        ])
        let id = try Message.id(name)
        var writer = ByteWriter()
        MetricWriter.appendCounter(id: id.span.bytes, value: value, metadatas: metadatas.span.bytes, to: &writer)
        return writer.array()
    }

    @Test func twoNodesOfM3sSampleForwardRollupsOverRawTCP() async throws {
        let ports = [try freePort(), try freePort()]
        let cluster = try await Cluster(
            environment: "default_env",
            instances: [("a1", "127.0.0.1:\(ports[0])"), ("a2", "127.0.0.1:\(ports[1])")])
        var roles: [AggregatorRole] = []
        for (index, port) in ports.enumerated() {
            let addresses = """
                rawtcp: {listenAddress: "127.0.0.1:\(port)"}
                m3msg: {server: {listenAddress: "127.0.0.1:0"}}
                """
            roles.append(
                try await cluster.start("stock-raw-tcp.yml", addresses: addresses, as: "a\(index + 1)"))
        }
        // Both sources belong to the first node, the rollup to the second.
        let first = try name("source_a", in: 0..<32)
        let second = try name("source_b", in: 0..<32)
        let rollup = try name("rollup", in: 32..<64)
        let peer = try LoopbackPeer(port: port(roles[0].addresses.rawtcp))
        try peer.send(rawTCP(try counter(first, 5, rollup: rollup)))
        let producer = try startProducer(try #require(roles[0].addresses.m3msg))
        var batch = PayloadBatch()
        batch.append(
            shard: try Message.shard(second, of: Self.shards), try counter(second, 7, rollup: rollup))
        try producer.produce(batch)

        let records = try await poll("the rollup", deadline: .seconds(120), every: .milliseconds(50)) {
            () -> [TapRecord]? in
            let records = cluster.published.filter { $0.id == rollup }
            let total = records.reduce(0.0) { sum, record in (record.values ?? []).reduce(sum, +) }
            return total >= 12 ? records : nil
        }
        let total = records.reduce(0.0) { sum, record in (record.values ?? []).reduce(sum, +) }
        #expect(total == 12)
        #expect(records.allSatisfy { $0.policy == "1s:1h" })
        let metrics = try await HTTP.send("GET", "http://\(try #require(roles[0].addresses.metrics))/metrics").text
        #expect(metrics.contains("m3agg_instance_client_messages_sent_total"))
        #expect(!metrics.contains("m3agg_instance_client_messages_dropped_total"))
        _ = await producer.close(deadline: .seconds(5))
        for role in roles { _ = await role.stop() }
        await cluster.stop()
    }

    @Test func aNodeOfM3sHowToAggregates() async throws {
        let port = try freePort()
        let cluster = try await Cluster(
            environment: "namespace/m3db-cluster-name", instances: [("a1", "127.0.0.1:\(port)")])
        let role = try await cluster.start(
            "stock-m3msg.yml", addresses: "m3msg: {server: {listenAddress: \"127.0.0.1:\(port)\"}}", as: "a1")
        let producer = try startProducer("127.0.0.1:\(port)")
        var batch = PayloadBatch()
        batch.append(
            shard: try Message.shard("one", of: Self.shards), try Message.counter("one", 42, policy: "1s:1h"))
        try producer.produce(batch)
        let record = try await poll("the value", deadline: .seconds(120), every: .milliseconds(50)) {
            cluster.published.first { $0.id == "one" }
        }
        #expect(record.values == [42])
        #expect(await producer.close(deadline: .seconds(30)).services[0].acked == 1)
        _ = await role.stop()
        await cluster.stop()
    }
}
