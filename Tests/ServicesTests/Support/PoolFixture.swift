import Cluster
import Etcd
import Foundation
import MessageQueue
import Metrics
import NIOCore
import NodeConfiguration
import Synchronization
import Telemetry
import TestKit
import WireFormat

@testable import Services

/// Two instances of one shard set over a real etcd, a producer that feeds both, and a consumer of what they publish.
final class PoolFixture: Sendable {
    static let numShards: UInt32 = 8

    let etcd: TestKit.EtcdCluster
    let store: EtcdStore
    let directory: TemporaryDirectory
    private let collected = Collected()
    private let consumer: ConsumerServer
    private let ports: [String: Int]
    private let producer: Producer
    private let sent = Mutex<Double>(0)

    /// Keeps and acknowledges what arrives, unless it is told to take nothing.
    private final class Collected: MessageConsumer {
        let records = Mutex<[(record: TapRecord, arrivedAt: Int64)]>([])
        let takesNothing = Atomic<Bool>(false)

        func consume(_ batch: MessageBatch, from connection: ConsumerConnection) {
            if takesNothing.load(ordering: .relaxed) { return }
            let now = WallClock.nowNanos()
            let new = batch.withBytes { bytes in batch.messages.map { (TapRecord($0, in: bytes), now) } }
            records.withLock { $0 += new }
            connection.acknowledge(batch)
        }
    }

    /// Whether the consumer lets messages wait.
    func setTakesNothing(_ value: Bool) { collected.takesNothing.store(value, ordering: .relaxed) }

    init() async throws {
        directory = try TemporaryDirectory("pool")
        etcd = try await TestKit.EtcdCluster()
        let endpoints = try etcd.endpoints.map { try EtcdOptions.parse(endpoint: $0).endpoint }
        store = EtcdStore(
            options: EtcdOptions(endpoints: endpoints), group: testLoops, registry: Registry(), logger: quiet)
        let (server, port) = try await startServer(collected)
        consumer = server
        let ports = ["a": try freePort(), "b": try freePort()]
        self.ports = ports
        let endpointsOfPool = ["a", "b"].map { "127.0.0.1:\(ports[$0] ?? 0)" }
        var options = ProducerOptions()
        options.flushInterval = .milliseconds(1)
        options.messageRetry = Backoff(initial: .milliseconds(500), factor: 2, max: .seconds(1), jitter: false)
        producer = try Producer.start(
            route: ProducerRoute(
                topic: "aggregator_ingest", numberOfShards: Int(Self.numShards),
                services: [
                    .init(
                        name: "m3aggregator", consumption: .replicated, numberOfShards: Int(Self.numShards),
                        endpoints: endpointsOfPool)
                ]), options: options, group: testLoops, registry: Registry(), logger: quiet)
        try await write(consumer: "127.0.0.1:\(port)")
    }

    /// What an operator writes: placements of a mirrored pair and of a consumer, and both topics.
    private func write(consumer: String) async throws {
        let aggregators = ServiceID(name: ServiceID.aggregatorName)
        let coordinators = ServiceID(name: ServiceID.coordinatorName)
        let pair = ["a", "b"].map { id in
            Instance(
                id: id, isolationGroup: id, weight: 1, endpoint: "127.0.0.1:\(ports[id] ?? 0)",
                shards: (0..<Self.numShards).map { ShardAssignment(id: $0, state: .available) }, shardSetID: 1,
                hostname: "127.0.0.1", port: UInt32(ports[id] ?? 0))
        }
        _ = try await PlacementStore(store: store, serviceID: aggregators).update { (_) throws(ClusterError) in
            Placement(
                instances: pair, replicaFactor: 2, numShards: Self.numShards, isSharded: true, isMirrored: true,
                maxShardSetID: 1)
        }
        let endpoint = try Endpoint(parsing: consumer)
        _ = try await PlacementStore(store: store, serviceID: coordinators).update { (_) throws(ClusterError) in
            try .initial(unsharded: [
                Instance(
                    id: "c", isolationGroup: "c", weight: 1, endpoint: consumer, hostname: endpoint.host,
                    port: UInt32(endpoint.port))
            ])
        }
        let topics: [(String, ServiceID, ConsumptionType)] = [
            ("aggregator_ingest", aggregators, .replicated), ("aggregated_metrics", coordinators, .shared),
        ]
        for (name, service, type) in topics {
            _ = try await TopicStore(store: store).update(name) { (_) throws(ClusterError) in
                Topic(
                    name: name, numberOfShards: Self.numShards,
                    consumerServices: [
                        ConsumerService(serviceID: service, consumptionType: type, messageTTLNanos: 0)
                    ])
            }
        }
    }

    var times: FlushTimesStore { FlushTimesStore(store: store, shardSetID: 1) }

    func start(_ id: String) async throws -> AggregatorRole {
        let text = """
            node:
              instance: \(id)
              etcd: [\(etcd.endpoints[0])]
              listen: {m3msg: "127.0.0.1:\(ports[id] ?? 0)", http: "127.0.0.1:0"}
              buffers: {past: 2s, forwarding: 6s}
            aggregator:
              electionManager:
                election: {ttlSeconds: 3}
                serviceID: {name: m3aggregator, environment: default_env, zone: embedded}
                electionKeyFmt: shardset/%d/lock
              flushManager: {checkEvery: 50ms}
            """
        let configuration = try AggregatorConfiguration.read(
            [(file: "\(id).yml", bytes: Array(text.utf8))], environment: [:]
        ).configuration
        return try await AggregatorRole.start(
            configuration: configuration, environment: [:], group: testLoops, logger: quiet)
    }

    /// Sends one unit to each of some series, at the present time.
    func send(_ count: Int) throws {
        var batch = PayloadBatch()
        for number in 0..<count {
            let name = "s\(number)"
            batch.append(
                shard: try Message.shard(name, of: Self.numShards),
                try Message.timed(name, 1, at: WallClock.nowNanos(), policy: "1s:1h"))
        }
        try producer.produce(batch)
        sent.withLock { $0 += Double(count) }
    }

    /// Sends for some time, a batch every 20 ms.
    func load(for duration: Duration, series: Int = 10) async throws {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end {
            try send(series)
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    var unitsSent: Double { sent.withLock { $0 } }

    var records: [(record: TapRecord, arrivedAt: Int64)] { collected.records.withLock { $0 } }

    /// What a store holds after overwrites: of each series and time the value that came last.
    var unitsStored: Double {
        var last: [String: Double] = [:]
        for (record, _) in records { last["\(record.id ?? "") \(record.timeNanos ?? 0)"] = record.values?.first ?? 0 }
        return last.values.reduce(0, +)
    }

    func waitForAllUnits() async throws {
        _ = try await poll("all units to be stored", deadline: .seconds(60), every: .milliseconds(20)) {
            unitsStored >= unitsSent ? true : nil
        }
    }

    static func status(_ role: AggregatorRole) async throws -> String {
        try await HTTP.send("GET", "http://\(role.addresses.http)/status").text
    }

    static func waitForRole(_ role: AggregatorRole, _ name: String, canLead: Bool? = nil) async throws {
        _ = try await poll("\(role.instanceID) to be \(name)", deadline: .seconds(60), every: .milliseconds(20)) {
            let text = try await status(role)
            guard text.contains("\"electionState\":\"\(name)\"") else { return nil as Bool? }
            guard let canLead else { return true }
            return text.contains("\"canLead\":\(canLead)") ? true : nil
        }
    }

    func stop() async {
        _ = await producer.close(deadline: .zero)
        await consumer.stop()
        await store.close()
        await etcd.stopAll()
    }
}
