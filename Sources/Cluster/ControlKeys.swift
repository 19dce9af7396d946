/// The names under which M3 keeps the control plane, so that both kinds of process find each other's values.
///
/// A namespace comes before the environment and is used literally: `/topic` and `/placement` start with a slash, those with an
/// underscore don't. With an empty environment its segment disappears. See `docs/architecture.md`, "Control plane".
public enum ControlKeys {
    public static let topicNamespace = "/topic"
    public static let stagedPlacementNamespace = "/placement"
    public static let placementNamespace = "_sd.placement"
    public static let valueNamespace = "_kv"

    public static func topic(_ name: String, environment: String, namespace: String = topicNamespace) -> String {
        join(namespace, environment, name)
    }

    /// `/placement/ENV/m3aggregator`: a staged placement.
    public static func stagedPlacement(
        service: String, environment: String, namespace: String = stagedPlacementNamespace
    ) -> String {
        join(namespace, environment, service)
    }

    /// `_sd.placement/ENV/SERVICE`: a plain placement.
    public static func placement(
        service: String, environment: String, namespace: String = placementNamespace
    ) -> String {
        join(namespace, environment, service)
    }

    /// `_kv/ENV/KEY`: single values such as limits at run time.
    public static func value(_ key: String, environment: String, namespace: String = valueNamespace) -> String {
        join(namespace, environment, key)
    }

    /// `_kv/ENV/shardset/ID/flush`
    public static func flushTimes(shardSetID: UInt32, environment: String) -> String {
        flushTimes(shardSetID: shardSetID, environment: environment, format: .flushTimes)
    }

    /// `_kv/ENV/` and a format such as `shardset/%d/flush`.
    public static func flushTimes(
        shardSetID: UInt32, environment: String, format: ShardSetKeyFormat
    ) -> String {
        value(format.key(shardSetID: shardSetID), environment: environment)
    }

    /// `_ld/ENV/SERVICE/ELECTION`: each candidate's key stands under it, with a slash and the hexadecimal id of its lease.
    public static func election(_ electionID: String, service: ServiceID) -> String {
        let election = electionID.isEmpty ? "default" : electionID
        return join("_ld", service.environment, "\(service.name)/\(election)")
    }

    private static func join(_ namespace: String, _ environment: String, _ name: String) -> String {
        environment.isEmpty ? "\(namespace)/\(name)" : "\(namespace)/\(environment)/\(name)"
    }
}
