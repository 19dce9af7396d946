/// A service of a cluster, such as `m3aggregator` in `default_env`.
public struct ServiceID: Sendable, Hashable, CustomStringConvertible {
    public var name: String
    public var environment: String
    /// Selects the key-value cluster; never part of a key.
    public var zone: String

    public static let defaultEnvironment = "default_env"
    public static let defaultZone = "embedded"
    public static let aggregatorName = "m3aggregator"
    public static let coordinatorName = "m3coordinator"

    public init(
        name: String, environment: String = ServiceID.defaultEnvironment, zone: String = ServiceID.defaultZone
    ) {
        self.name = name
        self.environment = environment
        self.zone = zone
    }

    public var description: String { "[name: \(name), env: \(environment), zone: \(zone)]" }
}
