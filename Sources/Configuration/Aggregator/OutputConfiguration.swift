public import Metrics

/// An m3msg producer.
public struct ProducerConfiguration: Sendable, Equatable {
    public enum OnFull: String, Sendable, CaseIterable {
        case dropOldest, returnError
    }

    /// Whose bytes count against the buffer's limit.
    public enum BufferScope: String, Sendable, CaseIterable {
        /// Each replica has a limit of its own and loses its own messages only.
        case perReplica
        /// All replicas share one limit, as in M3: one that hangs makes all lose messages.
        case shared
    }

    public struct Connection: Sendable, Equatable {
        public var numConnections: Int
        public var dialTimeoutNanos: Int64
        public var writeTimeoutNanos: Int64
        public var keepAlivePeriodNanos: Int64
        public var resetDelayNanos: Int64
        public var retry: RetryPolicy
        public var flushIntervalNanos: Int64
        public var writeBufferBytes: Int
    }

    public enum MessageRetry: Sendable, Equatable {
        case backoff(RetryPolicy)
        /// The pauses one after another; the last one is repeated.
        case fixed([Int64])
    }

    // Buffer.
    public var onFull: OnFull
    public var bufferScope: BufferScope
    public var maxBufferBytes: Int
    public var maxMessageBytes: Int
    public var allowedSpilloverRatio: Double
    public var dropOldestIntervalNanos: Int64

    // Topic and placements of its consumers.
    public var topic: String
    public var topicScope: KeyValueScope
    public var topicInitTimeoutNanos: Int64
    /// Namespaces of consumers' placements and metadata; empty: M3's `_sd.placement`.
    public var placementNamespace: String
    public var metadataNamespace: String
    public var placementIsStaged: Bool
    public var placementInitTimeoutNanos: Int64

    // Writing.
    public var scanIntervalNanos: Int64
    public var messageRetry: MessageRetry
    public var connection: Connection
    public var ignoreCutoffCutover: Bool
    public var maxFrameBytes: Int
    public var maxAckFrameBytes: Int
}

extension AggregatorConfiguration {
    /// How values get to other aggregators.
    public enum ForwardingClient: Sendable, Equatable {
        case m3msg(ProducerConfiguration)
        /// Protobuf over raw TCP, straight to the instances of the placement; M3 calls it legacy.
        case rawTCP(RawTCPClient)
    }

    public struct RawTCPClient: Sendable, Equatable {
        public enum QueueDrop: String, Sendable, CaseIterable {
            case oldest, current
        }

        public struct Connection: Sendable, Equatable {
            public var connectTimeoutNanos: Int64
            public var keepAlive: Bool
            public var readTimeoutNanos: Int64
            public var writeTimeoutNanos: Int64
            public var initReconnectThreshold: Int
            public var maxReconnectThreshold: Int
            public var reconnectThresholdMultiplier: Int
            public var maxReconnectNanos: Int64
            public var writeRetry: RetryPolicy
            public var tls: ClientTLS
        }

        public var placement: PlacementWatch
        public var shardCutoverWarmupNanos: Int64
        public var shardCutoffLingerNanos: Int64
        public var maxMessageBytes: Int
        public var maxBatchBytes: Int
        /// Values of one message; 0 is no limit.
        public var maxTimerBatchSize: Int
        /// Buffers queued for one instance.
        public var queueSize: Int
        public var queueDrop: QueueDrop
        public var connection: Connection
    }

    /// One destination of aggregated metrics.
    public enum Output: Sendable, Equatable {
        case m3msg(M3MsgOutput)
        case blackhole(name: String)
        case log(name: String)
    }

    public struct M3MsgOutput: Sendable, Equatable {
        public struct ShardSetFilter: Sendable, Equatable {
            public var service: ServiceName
            public var shards: [ClosedRange<UInt32>]
        }
        public struct StoragePolicyFilter: Sendable, Equatable {
            public var service: ServiceName
            public var policies: [StoragePolicy]
        }
        public struct PercentageFilter: Sendable, Equatable {
            public var service: ServiceName
            /// 0 to 1.
            public var share: Double
        }
        public struct RoutingPolicyFilter: Sendable, Equatable {
            public var service: ServiceName
            public var isDefault: Bool
            public var allowedTrafficTypes: [String]
        }

        public var name: String
        public var producer: ProducerConfiguration
        public var shardSetFilters: [ShardSetFilter]
        public var storagePolicyFilters: [StoragePolicyFilter]
        public var percentageFilters: [PercentageFilter]
        public var routingPolicyFilters: [RoutingPolicyFilter]
        /// Where the traffic types are named; the key is empty when there are none.
        public var routingPolicyScope: KeyValueScope
        public var routingPolicyKey: String
    }
}
