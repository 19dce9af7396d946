import Cluster
import Logging
import MessageQueue
import NIOCore
import NodeConfiguration
import Telemetry

/// How the values of rollups reach the aggregators that own their shards.
enum RoleForwarding: Sendable {
    /// Over the ingest topic.
    case topic(TopicProducer)
    /// Over raw TCP, straight to the instances of the placement.
    case instances(InstanceForwarding)

    var destination: FlushDestination {
        switch self {
        case .topic(let producer): producer.destination
        case .instances(let forwarding): .instances(forwarding.client)
        }
    }

    /// Whether the values of this very instance come in over the raw TCP server.
    var usesRawTCP: Bool {
        if case .instances = self { return true }
        return false
    }

    func close(deadline: Duration) async {
        switch self {
        case .topic(let producer): await producer.close(deadline: deadline)
        case .instances(let forwarding): await forwarding.close(deadline: deadline)
        }
    }
}

/// A client of the instances of a placement that follows the placement while it changes.
final class InstanceForwarding: Sendable {
    let client: InstanceClient
    private let follower: Task<Void, Never>

    private init(client: InstanceClient, follower: Task<Void, Never>) {
        self.client = client
        self.follower = follower
    }

    /// - Parameter numShards: of this node's placement, by which flushes name shards.
    /// - Throws: ``RoleFailure``, ``MessageQueue/InstanceRouteError``, ``Cluster/ClusterError``
    static func start(
        _ configuration: AggregatorConfiguration.RawTCPClient, numShards: UInt32, cluster: RoleCluster,
        group: any EventLoopGroup, registry: Registry, logger: Logger
    ) async throws -> InstanceForwarding {
        let placements = try cluster.placements(configuration.placement, key: "aggregator.client.placementKV.zone")
        let placement = try await cluster.placement(placements, waitNanos: configuration.placement.initTimeoutNanos)
        guard placement.numShards == numShards else {
            throw InstanceRouteError.shardCountChanged(from: Int(numShards), to: Int(placement.numShards))
        }
        let client = try InstanceClient.start(
            route: route(placement, configuration), options: RoleSettings.instanceClient(configuration), group: group,
            registry: registry, logger: logger)
        let updates = try await placements.watch()
        let follower = Task {
            for await update in updates {
                if Task.isCancelled { return }
                switch update {
                case .value(let placement):
                    do throws(InstanceRouteError) {
                        try client.update(route: route(placement.value, configuration))
                    } catch .closed {
                        return
                    } catch {
                        logger.error("a placement was refused; the last one stays", metadata: ["error": "\(error)"])
                    }
                case .rejected(let error, _):
                    logger.error("the placement can't be read; the last one stays", metadata: ["error": "\(error)"])
                }
            }
        }
        return InstanceForwarding(client: client, follower: follower)
    }

    /// All owners of each shard, in any state: its times say when one takes metrics.
    static func route(
        _ placement: Placement, _ configuration: AggregatorConfiguration.RawTCPClient
    ) -> InstanceRoute {
        var targets: [[InstanceRoute.Target]] = Array(repeating: [], count: Int(placement.numShards))
        for instance in placement.instances {
            for shard in instance.shards where Int(shard.id) < targets.count {
                targets[Int(shard.id)].append(
                    InstanceRoute.Target(
                        endpoint: instance.endpoint, cutoverNanos: shard.cutoverNanos, cutoffNanos: shard.cutoffNanos,
                        warmup: configuration.shardCutoverWarmupNanos, linger: configuration.shardCutoffLingerNanos))
            }
        }
        return InstanceRoute(targets: targets)
    }

    func close(deadline: Duration) async {
        follower.cancel()
        await client.close(deadline: deadline)
    }
}
