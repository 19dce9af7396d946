import ArgumentParser
import Cluster
import Etcd
import FoundationEssentials
import KeyValue
import Logging
import NIOPosix
import Telemetry

/// Where the commands of `m3agg cluster` find the control plane.
struct ClusterStoreOptions: ParsableArguments {
    @Option(
        name: .customLong("etcd"),
        help: ArgumentHelp("A member of etcd; repeat it for several.", valueName: "host:port"))
    var endpoints: [String] = []

    @Option(help: "User of etcd; its password is taken from the variable M3AGG_ETCD_PASSWORD.")
    var etcdUser: String?

    @Option(help: "Instead of etcd, the data folder of a standalone that is not running.")
    var dataDir: String?

    func validate() throws {
        if endpoints.isEmpty == (dataDir == nil) {
            throw ValidationError("name either etcd, such as --etcd 127.0.0.1:2379, or --data-dir")
        }
        for endpoint in endpoints {
            let isTLS: Bool
            do {
                isTLS = try EtcdOptions.parse(endpoint: endpoint).isTLS
            } catch {
                throw ValidationError("--etcd: \(error)")
            }
            if isTLS { throw ValidationError("--etcd '\(endpoint)': https is not supported here; write host:port") }
        }
    }

    func open() throws -> ClusterStore {
        if let dataDir {
            // Opening would make an empty store out of a wrong path.
            guard FileManager.default.fileExists(atPath: "\(dataDir)/control") else {
                throw KeyValueError.unavailable("'\(dataDir)' is no data folder of a standalone; check --data-dir")
            }
            return .embedded(try EmbeddedStore(directory: "\(dataDir)/control"))
        }
        let credentials = etcdUser.map {
            EtcdOptions.Credentials(
                user: $0, password: ProcessInfo.processInfo.environment["M3AGG_ETCD_PASSWORD"] ?? "")
        }
        var options = EtcdOptions(
            endpoints: try endpoints.map { try EtcdOptions.parse(endpoint: $0).endpoint }, credentials: credentials)
        options.requestTimeout = .seconds(5)
        var logger = Logger(label: "m3agg")
        logger.logLevel = .critical
        return .etcd(
            EtcdStore(
                options: options, group: MultiThreadedEventLoopGroup.singleton, registry: Registry(), logger: logger))
    }
}

/// The store of a cluster, whichever it is kept in.
enum ClusterStore: Sendable {
    case embedded(EmbeddedStore)
    case etcd(EtcdStore)

    var values: any KeyValueStore {
        switch self {
        case .embedded(let store): store
        case .etcd(let store): store
        }
    }

    /// Who leads an election; nil when nobody does.
    func leader(_ prefix: String) async throws(ClusterError) -> String? {
        do {
            switch self {
            case .etcd(let store): return try await store.leadingCandidate(prefix: prefix)?.value
            case .embedded(let store):
                return String(decoding: try await store.get("\(prefix)/embedded").bytes, as: UTF8.self)
            }
        } catch .notFound {
            return nil
        } catch {
            throw .keyValue(error)
        }
    }

    func close() async {
        switch self {
        case .embedded(let store): await store.close()
        case .etcd(let store): await store.close()
        }
    }
}
