/// Which instances take the metrics of a shard, and at what times. Plain values: whoever watches the placement makes a
/// new route and hands it to ``InstanceClient/update(route:)``. Source: `docs/aggregator-role.md`, "Forwarding over raw
/// TCP".
public struct InstanceRoute: Sendable, Equatable {
    /// An instance that owns a shard.
    public struct Target: Sendable, Equatable {
        /// `host:port`, an IPv6 host in brackets.
        public var endpoint: String
        /// First and last time, in nanoseconds since 1970, of the metrics that the instance takes for the shard.
        public var times: ClosedRange<Int64>

        public init(endpoint: String, times: ClosedRange<Int64> = 0...Int64.max) {
            self.endpoint = endpoint
            self.times = times
        }

        /// An instance that owns a shard from its cutover to its cutoff, all in nanoseconds.
        /// - Parameters:
        ///   - warmup: how long before the cutover it takes metrics; no longer than from 1970.
        ///   - linger: how long after the cutoff it still does.
        public init(endpoint: String, cutoverNanos: Int64, cutoffNanos: Int64, warmup: Int64, linger: Int64) {
            let (earliest, isBelow) = cutoverNanos.subtractingReportingOverflow(warmup)
            let (latest, isBeyond) = cutoffNanos.addingReportingOverflow(linger)
            let first = isBelow ? 0 : max(0, earliest)
            self.init(endpoint: endpoint, times: first...max(first, isBeyond ? .max : latest))
        }

        /// Whether no time is refused, so that the metric's need not be read.
        var isAlways: Bool { times.lowerBound == 0 && times.upperBound == .max }
    }

    /// The owners by shard, replicas and instances between which the shard moves alike.
    public var targets: [[Target]]

    public init(targets: [[Target]]) { self.targets = targets }

    static let maxShards = 65_536
    static let maxEndpoints = 1_024

    /// Throws ``InstanceRouteError`` for a route that can't be followed.
    func validate() throws(InstanceRouteError) {
        guard !targets.isEmpty, targets.count <= Self.maxShards else {
            throw .shardCount(targets.count, limit: Self.maxShards)
        }
        var endpoints: Set<String> = []
        for target in targets.joined() where endpoints.insert(target.endpoint).inserted {
            guard Endpoint(target.endpoint) != nil else { throw .badEndpoint(target.endpoint) }
        }
        guard endpoints.count <= Self.maxEndpoints else {
            throw .tooManyEndpoints(endpoints.count, limit: Self.maxEndpoints)
        }
    }
}

/// Why a route was refused; the route in use stays.
public enum InstanceRouteError: Error, Equatable, Sendable, CustomStringConvertible {
    case shardCount(Int, limit: Int)
    case shardCountChanged(from: Int, to: Int)
    case badEndpoint(String)
    case tooManyEndpoints(Int, limit: Int)
    case closed

    public var description: String {
        switch self {
        case .shardCount(let count, let limit): "placement: number of shards is \(count); it must be 1 to \(limit)"
        case .shardCountChanged(let from, let to):
            "placement: number of shards changed from \(from) to \(to); restart to follow it"
        case .badEndpoint(let endpoint): "placement: an instance has the endpoint \"\(endpoint)\"; it must be host:port"
        case .tooManyEndpoints(let count, let limit): "placement: \(count) endpoints; at most \(limit) are allowed"
        case .closed: "placement: the client is closed"
        }
    }
}
