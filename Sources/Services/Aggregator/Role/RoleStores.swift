import Cluster
import Etcd
import FoundationEssentials
import KeyValue
import Logging
import NIOCore
import NodeConfiguration
import Synchronization
import Telemetry

/// The key-value stores that a configuration names: one per zone, opened when something of the zone is wanted.
final class RoleStores: Sendable {
    private enum Opened {
        case embedded(EmbeddedStore)
        case etcd(EtcdStore)

        var store: any KeyValueStore {
            switch self {
            case .embedded(let store): store
            case .etcd(let store): store
            }
        }
    }

    private let client: AggregatorConfiguration.KeyValueClient
    private let group: any EventLoopGroup
    private let registry: Registry
    private let logger: Logger
    private let opened = Mutex<[String: Opened]>([:])

    init(
        _ client: AggregatorConfiguration.KeyValueClient, group: any EventLoopGroup, registry: Registry, logger: Logger
    ) {
        self.client = client
        self.group = group
        self.registry = registry
        self.logger = logger
    }

    var isEmbedded: Bool {
        if case .embedded = client { return true }
        return false
    }

    /// The environment of a scope; the client's own where it names none.
    func environment(_ scope: KeyValueScope) -> String {
        scope.environment.isEmpty ? client.environment : scope.environment
    }

    /// The store of a zone; an empty zone is the client's own.
    /// - Parameter key: the key of the configuration, for errors.
    /// - Throws: ``RoleFailure``, errors of the store.
    func store(zone: String, key: String) throws -> any KeyValueStore {
        let zone = zone.isEmpty ? client.zone : zone
        return try opened.withLock { opened in
            if let known = opened[zone] { return known.store }
            let made = try open(zone, key)
            opened[zone] = made
            return made.store
        }
    }

    /// The client of a zone's etcd, for elections.
    /// - Throws: ``RoleFailure``
    func etcdClient(zone: String, key: String) throws -> EtcdClient {
        let store = try store(zone: zone, key: key)
        guard let etcd = store as? EtcdStore else {
            throw RoleFailure.unsupported(
                key: key, value: "an embedded store", remedy: "elections need kvClient.etcd")
        }
        return etcd.client
    }

    private func open(_ zone: String, _ key: String) throws -> Opened {
        switch client {
        case .embedded(let directory, let own, _):
            guard zone == own else {
                throw RoleFailure.unsupported(
                    key: key, value: "zone '\(zone)'", remedy: "with an embedded store there is only '\(own)'")
            }
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            return .embedded(try EmbeddedStore(directory: directory))
        case .etcd(let client):
            guard let cluster = client.cluster(zone: zone) else { throw RoleFailure.noCluster(key: key, zone: zone) }
            return .etcd(
                EtcdStore(options: try options(cluster, client), group: group, registry: registry, logger: logger))
        }
    }

    private func options(_ cluster: EtcdCluster, _ client: AggregatorConfiguration.EtcdClient) throws -> EtcdOptions {
        var endpoints: [Endpoint] = []
        var isTLS = false
        for text in cluster.endpoints {
            let (endpoint, isEncrypted) = try EtcdOptions.parse(endpoint: text)
            if isEncrypted { isTLS = true }
            endpoints.append(endpoint)
        }
        var options = EtcdOptions(endpoints: endpoints)
        options.configureChannel = try RoleTLS.etcd(cluster, isTLS: isTLS, logger: logger)
        options.credentials = cluster.credentials.map { .init(user: $0.user, password: $0.password) }
        if client.requestTimeoutNanos > 0 { options.requestTimeout = .nanoseconds(client.requestTimeoutNanos) }
        if cluster.dialTimeoutNanos > 0 { options.dialTimeout = .nanoseconds(cluster.dialTimeoutNanos) }
        if cluster.keepAlive.isEnabled {
            options.keepAlivePeriod = .nanoseconds(cluster.keepAlive.periodNanos)
            options.keepAliveTimeout = .nanoseconds(cluster.keepAlive.timeoutNanos)
        }
        return options
    }

    func close() async {
        let all = opened.withLock { opened in
            defer { opened = [:] }
            return Array(opened.values)
        }
        for one in all {
            switch one {
            case .embedded(let store): await store.close()
            case .etcd(let store): await store.close()
            }
        }
    }
}
