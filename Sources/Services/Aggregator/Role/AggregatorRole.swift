import Aggregator
import Cluster
import Logging
import MessageQueue
import NIOCore
import NodeConfiguration
import Synchronization
import Telemetry
import Transport

/// An aggregator node as its configuration describes it: servers, workers, and producers for outputs and rollups, over
/// the key-value store of its cluster. Source: `docs/aggregator-role.md`.
public final class AggregatorRole: Sendable {
    private let configuration: AggregatorConfiguration
    private let stores: RoleStores
    private let service: AggregatorService
    private let forwarded: RoleForwarding
    private let outputs: [TopicProducer]
    private let followers: [Task<Void, Never>]
    private let httpServers: [HTTPServer]
    private let problem: RoleProblem
    private let leadership: ShardSetLeadership?
    private let logger: Logger

    /// Where the servers listen.
    public let addresses: RoleAddresses
    /// Which instance of the placement this is.
    public let instanceID: String

    /// The longest that a stop waits for one stage to drain.
    private static let drain: Duration = .seconds(5)

    /// Starts everything, in the order in which the parts need each other.
    /// - Parameters:
    ///   - environment: variables that the configuration may name.
    ///   - leadership: what `/status` and `/resign` tell. Nil for the usual: over etcd the election of the shard set, over
    ///     an embedded store an instance that leads at once.
    /// - Throws: the first error of a part; what was started before is stopped again.
    public static func start(
        configuration: AggregatorConfiguration, environment: [String: String], group: any EventLoopGroup,
        logger: Logger,
        leadership: (any AggregatorLeadership)? = nil
    ) async throws -> AggregatorRole {
        var started = StartedParts()
        do {
            return try await start(configuration, environment, group, logger, leadership, &started)
        } catch {
            await started.stop()
            throw error
        }
    }

    private static func start(
        _ configuration: AggregatorConfiguration, _ environment: [String: String], _ group: any EventLoopGroup,
        _ logger: Logger, _ given: (any AggregatorLeadership)?, _ started: inout StartedParts
    ) async throws -> AggregatorRole {
        try RoleSettings.check(configuration, logger: logger)
        let registry = Registry()
        ProcessTelemetry.register(in: registry)
        let instanceID = try await RoleSettings.instanceID(configuration.identity, environment: environment)
        let stores = RoleStores(configuration.keyValue, group: group, registry: registry, logger: logger)
        started.add { await stores.close() }
        let problem = RoleProblem("starting")
        let elected =
            given != nil || stores.isEmbedded
            ? nil
            : ShardSetLeadership(
                configuration: configuration, stores: stores, instanceID: instanceID, registry: registry,
                logger: logger)
        let leadership: any AggregatorLeadership = given ?? elected ?? SoleLeader()
        let servers = RoleHTTP(
            configuration: configuration, leadership: leadership, problem: problem, group: group, registry: registry,
            logger: logger)
        let http = try await servers.start(&started)

        let cluster = RoleCluster(configuration: configuration, stores: stores, instanceID: instanceID, logger: logger)
        problem.set("waiting for the placement")
        let placement = try await cluster.placement()
        problem.set("waiting for the topics")
        var options = configuration.aggregatorOptions()
        options.numShards = placement.numShards
        options.numAggregatedShards = try await numAggregatedShards(configuration, cluster)
        options.hashSeed = .random(in: .min ... .max)
        try options.validate(rollupResolutionsNanos: [])
        let service = AggregatorService(
            options: try serviceOptions(configuration, options, cluster.shards(in: placement), logger: logger),
            gate: elected,
            group: group, registry: registry, logger: logger)
        started.add { await service.cancel() }
        let m3msg = try await listen(configuration, service)
        let rawTCP = try await listenRawTCP(configuration, service)
        if let m3msg { try await cluster.announce(endpoint: dialable(m3msg), placement: placement) }

        problem.set("connecting the producers")
        let forwarded = try await forwarding(configuration, placement, cluster, group, registry, logger)
        started.add { await forwarded.close(deadline: .zero) }
        var outputs = RoleOutputs()
        try await outputs.start(
            configuration, numShards: options.numAggregatedShards, cluster: cluster, group: group, registry: registry,
            logger: logger, started: &started)
        let limits = RuntimeLimits(
            configuration.runtimeLimits, numShards: placement.numShards, replicaFactor: max(placement.replicaFactor, 1),
            logger: logger)
        var followers = try await limits.follow(stores, service: service)
        started.add { await elected?.close() }
        followers.append(
            try await cluster.followPlacement(service, numShards: placement.numShards, leadership: elected))
        service.run(outputs: outputs.destinations, forwarded: forwarded.destination)
        problem.set(nil)

        let addresses = RoleAddresses(
            m3msg: m3msg, rawtcp: rawTCP, http: http.main, metrics: http.metrics, pid: ProcessTelemetry.processID)
        logger.info(
            "aggregator started",
            metadata: [
                "instance": "\(instanceID)", "http": "\(addresses.http)", "m3msg": "\(m3msg ?? "off")",
                "rawtcp": "\(rawTCP ?? "off")", "shards": "\(cluster.shards(in: placement).count)",
            ])
        return AggregatorRole(
            configuration: configuration, stores: stores, service: service, forwarded: forwarded,
            outputs: outputs.producers,
            followers: followers, httpServers: http.servers, problem: problem, leadership: elected, logger: logger,
            addresses: addresses,
            instanceID: instanceID)
    }

    private init(
        configuration: AggregatorConfiguration, stores: RoleStores, service: AggregatorService,
        forwarded: RoleForwarding,
        outputs: [TopicProducer], followers: [Task<Void, Never>], httpServers: [HTTPServer], problem: RoleProblem,
        leadership: ShardSetLeadership?,
        logger: Logger, addresses: RoleAddresses, instanceID: String
    ) {
        self.configuration = configuration
        self.stores = stores
        self.service = service
        self.forwarded = forwarded
        self.outputs = outputs
        self.followers = followers
        self.httpServers = httpServers
        self.problem = problem
        self.leadership = leadership
        self.logger = logger
        self.addresses = addresses
        self.instanceID = instanceID
    }

    /// Stops from the front to the back, so that every window that is over is published.
    /// - Returns: a sentence on what was published and what was not.
    public func stop() async -> String {
        problem.set("stopping")
        if configuration.shutdownWaitNanos > 0 {
            try? await Task.sleep(for: .nanoseconds(configuration.shutdownWaitNanos))
        }
        for follower in followers { follower.cancel() }
        if let leadership, await leadership.stop() {
            await service.stopHandedOver(forwarded: forwarded, drain: Self.drain)
        } else {
            await service.stop(forwarded: forwarded, drain: Self.drain)
        }
        var lost: UInt64 = 0
        for output in outputs {
            let final = await output.close(deadline: Self.drain)
            lost &+= final.services.reduce(0) { $0 &+ $1.dropped.values.reduce(0, &+) }
        }
        await leadership?.close()
        for server in httpServers { await server.stop() }
        await stores.close()
        let totals = service.totals
        logger.info(
            "aggregator stopped",
            metadata: ["emitted": "\(totals.emitted)", "discarded": "\(totals.discarded)", "unpublished": "\(lost)"])
        return "\(totals.emitted) aggregated values published, \(totals.discarded) samples in windows that were still "
            + "open dropped, \(lost) values not taken by their consumers"
    }

    // MARK: Parts

    /// The shards of the first output; those with another number name theirs anew.
    private static func numAggregatedShards(
        _ configuration: AggregatorConfiguration, _ cluster: RoleCluster
    ) async throws -> UInt32 {
        for case .m3msg(let output) in configuration.outputs {
            return try await cluster.numberOfShards(output.producer)
        }
        return RoleCluster.defaultNumShards
    }

    private static func forwarding(
        _ configuration: AggregatorConfiguration, _ placement: Placement, _ cluster: RoleCluster,
        _ group: any EventLoopGroup, _ registry: Registry, _ logger: Logger
    ) async throws -> RoleForwarding {
        switch configuration.forwarding {
        case .m3msg(let settings):
            _ = try await cluster.numberOfShards(settings)
            return .topic(
                try await TopicProducer.start(
                    topic: settings.topic, routes: try cluster.routes(settings),
                    options: RoleSettings.producer(settings, name: "aggregator"), group: group, registry: registry,
                    logger: logger))
        case .rawTCP(let settings):
            return .instances(
                try await InstanceForwarding.start(
                    settings, numShards: placement.numShards, cluster: cluster, group: group, registry: registry,
                    logger: logger))
        }
    }

    private static func serviceOptions(
        _ configuration: AggregatorConfiguration, _ aggregator: AggregatorOptions, _ shards: [OwnedShard],
        logger: Logger
    ) throws -> AggregatorService.Options {
        let address = configuration.m3msg?.server.listenAddress
        var options = AggregatorService.Options(
            host: address?.host ?? "127.0.0.1", port: address?.port ?? 0, aggregator: aggregator, ownedShards: [])
        options.shards = shards
        if let m3msg = configuration.m3msg { options.consumer = try RoleSettings.consumer(m3msg, logger: logger) }
        options.rawTCP = try configuration.rawTCP.map { try RoleSettings.rawTCP($0, logger: logger) }
        return options
    }

    private static func listen(
        _ configuration: AggregatorConfiguration, _ service: AggregatorService
    ) async throws -> String? {
        guard let address = configuration.m3msg?.server.listenAddress else { return nil }
        return try await ListenFailure.naming(
            "m3msg.server.listenAddress", .init(host: address.host, port: address.port)
        ) { SocketText.text(try await service.listen(), host: address.host) }
    }

    private static func listenRawTCP(
        _ configuration: AggregatorConfiguration, _ service: AggregatorService
    ) async throws -> String? {
        guard let address = configuration.rawTCP?.server.listenAddress else { return nil }
        return try await ListenFailure.naming(
            "rawtcp.listenAddress", .init(host: address.host, port: address.port)
        ) { try await service.listenRawTCP().map { SocketText.text($0, host: address.host) } }
    }

    /// An address of every interface, as one that this host can dial.
    private static func dialable(_ address: String) -> String {
        for wildcard in ["0.0.0.0:", "[::]:"] where address.hasPrefix(wildcard) {
            return "127.0.0.1:" + address.dropFirst(wildcard.count)
        }
        return address
    }
}

/// Why a role can't do its work yet, for `/ready`.
final class RoleProblem: Sendable {
    private let text: Mutex<String?>

    init(_ text: String) { self.text = Mutex(text) }

    var current: String? { text.withLock { $0 } }

    func set(_ text: String?) { self.text.withLock { $0 = text } }
}
