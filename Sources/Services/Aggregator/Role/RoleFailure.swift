/// Why an aggregator can't start with its configuration. The text names the key and what would do.
public enum RoleFailure: Error, CustomStringConvertible {
    /// Accepted by the reader of the files, and not something that this version does.
    case unsupported(key: String, value: String, remedy: String)
    case noPlacement(key: String, waitedNanos: Int64)
    case noTopic(name: String, waitedNanos: Int64)
    case noCluster(key: String, zone: String)
    /// Certificates or keys that can't be used.
    case tls(key: String, reason: String)

    public var description: String {
        switch self {
        case .unsupported(let key, let value, let remedy): "\(key) is \(value), which m3agg does not do: \(remedy)"
        case .noPlacement(let key, let nanos):
            "there is no placement under \(key) after \(nanos / 1_000_000_000) s: make one that names this instance"
        case .noTopic(let name, let nanos):
            "there is no topic '\(name)' after \(nanos / 1_000_000_000) s: create it first"
        case .noCluster(let key, let zone):
            "\(key) names the zone '\(zone)', for which kvClient.etcd.etcdClusters has no cluster: add one"
        case .tls(let key, let reason): "\(key): \(reason)"
        }
    }
}
