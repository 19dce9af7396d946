/// Where keys of a kind are kept; empty: as the key-value client says.
public struct KeyValueScope: Sendable, Equatable {
    public var zone: String
    public var environment: String
    public var namespace: String
}

/// A service of the cluster; empty parts are not given.
public struct ServiceName: Sendable, Equatable {
    public var name: String
    public var environment: String
    public var zone: String
}

/// One etcd cluster.
public struct EtcdCluster: Sendable, Equatable {
    public struct KeepAlive: Sendable, Equatable {
        public var isEnabled: Bool
        public var periodNanos: Int64
        /// Added to the period at random.
        public var jitterNanos: Int64
        public var timeoutNanos: Int64
    }

    public var zone: String
    /// `HOST:PORT`, or with `http://` or `https://` before it.
    public var endpoints: [String]
    public var keepAlive: KeepAlive
    /// PEM files; nil for plain connections.
    public var tls: TLS?
    /// How often the list of members is read from the cluster; negative: never.
    public var autoSyncIntervalNanos: Int64
    public var dialTimeoutNanos: Int64
    /// Nil: no authentication.
    public var credentials: Credentials?

    public struct TLS: Sendable, Equatable {
        /// Empty: the system's authorities.
        public var caFile: String
        public var certFile: String
        public var keyFile: String
    }

    public struct Credentials: Sendable, Equatable, CustomStringConvertible {
        public var user: String
        public var password: String

        /// Without the password.
        public var description: String { "\(user):***" }
    }
}

extension AggregatorConfiguration {
    /// The store of placements, topics, flush times and elections.
    public enum KeyValueClient: Sendable, Equatable {
        case etcd(EtcdClient)
        /// A store of this node alone, in a folder.
        case embedded(directory: String, zone: String, environment: String)

        public var zone: String {
            switch self {
            case .etcd(let client): client.zone
            case .embedded(_, let zone, _): zone
            }
        }
        public var environment: String {
            switch self {
            case .etcd(let client): client.environment
            case .embedded(_, _, let environment): environment
            }
        }
    }

    public struct EtcdClient: Sendable, Equatable {
        public var zone: String
        public var environment: String
        public var service: String
        /// Where the last seen values are kept; empty: nowhere.
        public var cacheDirectory: String
        /// One per zone.
        public var clusters: [EtcdCluster]
        public var serviceInitTimeoutNanos: Int64
        public var watchWithRevision: Int64
        public var retry: RetryPolicy
        public var requestTimeoutNanos: Int64
        public var watchInitTimeoutNanos: Int64
        public var watchCheckIntervalNanos: Int64
        public var watchResetIntervalNanos: Int64
        /// Reads that any member may answer from its own state.
        public var fastGets: Bool

        /// The cluster of a zone; an empty zone is the client's own.
        public func cluster(zone: String) -> EtcdCluster? {
            let zone = zone.isEmpty ? self.zone : zone
            return clusters.first { $0.zone == zone }
        }
    }

    /// Where the placement of the aggregators is.
    public struct PlacementWatch: Sendable, Equatable {
        public var scope: KeyValueScope
        public var key: String
        public var initTimeoutNanos: Int64
    }

    /// Limits that can be changed while running, by keys of the key-value store.
    public struct RuntimeLimits: Sendable, Equatable {
        public var scope: KeyValueScope
        public var valuesPerMetricKey: String
        /// In force while the key has no value; 0 is no limit.
        public var valuesPerMetricPerSecond: Int64
        public var newMetricsKey: String
        /// Of the whole cluster; in force while the key has no value; 0 is no limit.
        public var newMetricsPerSecond: Int64
        /// No limit of new metrics in so long a time from the start.
        public var newMetricsWarmupNanos: Int64
    }

    /// Where flush times are persisted.
    public struct FlushTimes: Sendable, Equatable {
        public var scope: KeyValueScope
        /// With `%d` in place of the shard set's number.
        public var keyFormat: String
        public var persistRetry: RetryPolicy

        public func key(shardSetID: UInt32) -> String { KeyFormat.expand(keyFormat, shardSetID) }
    }

    public struct Election: Sendable, Equatable {
        public var leaderTimeoutNanos: Int64
        public var resignTimeoutNanos: Int64
        public var ttlSeconds: Int
        public var service: ServiceName
        /// What a leader publishes; empty: its instance id.
        public var leaderValue: String
        /// With `%d` in place of the shard set's number.
        public var keyFormat: String
        public var campaignRetry: RetryPolicy
        public var changeRetry: RetryPolicy
        public var resignRetry: RetryPolicy
        public var campaignCheckIntervalNanos: Int64
        public var shardCutoffCheckOffsetNanos: Int64

        public func key(shardSetID: UInt32) -> String { KeyFormat.expand(keyFormat, shardSetID) }
    }
}

/// Keys with one `%d`.
enum KeyFormat {
    static func expand(_ format: String, _ number: UInt32) -> String {
        guard let place = position(format) else { return format }
        return format[..<place] + "\(number)" + format[format.index(place, offsetBy: 2)...]
    }

    private static func position(_ format: String) -> String.Index? {
        var index = format.startIndex
        while index < format.endIndex {
            let next = format.index(after: index)
            if format[index] == "%", next < format.endIndex, format[next] == "d" { return index }
            index = next
        }
        return nil
    }

    /// Whether there is exactly one `%d` and no other `%`.
    static func isValid(_ format: String) -> Bool {
        format.utf8.count { $0 == UInt8(ascii: "%") } == 1 && position(format) != nil
    }
}
