public import Aggregation
public import Aggregator
public import Metrics

/// Everything that an aggregator node is told by its files: effective values, whether they were written in M3's
/// `m3aggregator.yml`, in the short form of our own, or are defaults.
///
/// Durations are nanoseconds, sizes bytes. Source: `docs/configuration.md`.
public struct AggregatorConfiguration: Sendable, Equatable {
    /// The m3msg server of the ingest topic; nil when only raw TCP is served.
    public var m3msg: M3MsgServer?
    /// The raw TCP server; nil unless it is configured.
    public var rawTCP: RawTCPServer?
    public var http: HTTPServer

    public var keyValue: KeyValueClient
    public var identity: InstanceIdentity
    public var placement: PlacementWatch
    public var runtimeLimits: RuntimeLimits
    public var flushTimes: FlushTimes
    public var election: Election
    /// What a leader does when it can't reach etcd.
    public var onSessionLoss: SessionLoss

    public var aggregation: Aggregation
    public var windows: Windows
    public var flush: FlushSchedule
    public var entries: Entries

    /// How forwarded values reach the aggregator that owns a rollup's shard.
    public var forwarding: ForwardingClient
    /// Where aggregated metrics go: to each of these.
    public var outputs: [Output]
    public var passthrough: Passthrough

    /// How long `POST /resign` may take.
    public var resignTimeoutNanos: Int64
    /// How long a node waits between the signal to stop and stopping.
    public var shutdownWaitNanos: Int64
    /// Whether errors tell ids and times.
    public var verboseErrors: Bool

    public var logging: Logging
    public var metrics: MetricsReporter

    /// What to do without a session of the key-value store.
    public enum SessionLoss: String, Sendable, CaseIterable {
        /// Go on publishing, without advancing flush times; stop at once when another leader appears.
        case publish
        /// Stop publishing and keep windows.
        case hold
    }
}

extension AggregatorConfiguration {
    /// What is computed, and what the results are called.
    public struct Aggregation: Sendable, Equatable {
        public var defaultCounterTypes: [AggregationType]
        public var defaultTimerTypes: [AggregationType]
        public var defaultGaugeTypes: [AggregationType]
        public var counterTypeString: TypeStringTransform
        public var timerTypeString: TypeStringTransform
        public var gaugeTypeString: TypeStringTransform
        public var metricPrefix: String
        public var counterPrefix: String
        public var timerPrefix: String
        public var gaugePrefix: String
        public var quantiles: QuantileEstimator
        public var defaultStoragePolicies: [StoragePolicy]
        public var discardNaN: Bool
        public var addToReset: Bool
        /// Whether rollups of counters keep the fractions of transformed values; M3 cuts them off.
        public var keepCounterFractions: Bool
        /// Whether the transformation Add has a total per aggregation type and corrects it when a window changes; M3
        /// has one for all types of a metric and adds a changed window again.
        public var correctCumulativeAdd: Bool
        /// Values of one batch timer that are added at once; 0 is no limit.
        public var maxTimerBatchSizePerWrite: Int
    }

    /// Which values are taken, and when their windows are published.
    public struct Windows: Sendable, Equatable {
        /// B: how much later than its window's end, and one resolution more, a timed value may come.
        public var bufferPastNanos: Int64
        public var bufferFutureNanos: Int64
        /// C and its kind.
        public var forwardingDelay: ForwardingDelay
        public var bufferBeforeShardCutoverNanos: Int64
        public var bufferAfterShardCutoffNanos: Int64
        public var timedFlushOffsetEnabled: Bool
        /// Whether values are taken whatever the cutover and cutoff of their shard.
        public var writesIgnoreCutoffCutover: Bool

        /// How much later than its window's start a timed value may come: B + r.
        public func pastBufferNanos(resolutionNanos: Int64) -> Int64 {
            let (sum, overflow) = bufferPastNanos.addingReportingOverflow(resolutionNanos)
            return overflow ? .max : sum
        }

        /// How late a value that was forwarded n times may be.
        /// - Parameter jitterNanos: the greatest jitter of the resolution, or the resolution without jitter.
        public func forwardingDelayNanos(resolutionNanos: Int64, numForwardedTimes: Int64, jitterNanos: Int64) -> Int64
        {
            let (fixed, step) =
                switch forwardingDelay {
                case .constant(let delay): (delay, resolutionNanos)
                case .perStage(let delay): (jitterNanos, delay)
                }
            let (steps, overflow) = step.multipliedReportingOverflow(by: numForwardedTimes)
            let (sum, more) = fixed.addingReportingOverflow(steps)
            return overflow || more ? .max : sum
        }
    }

    /// When windows are published.
    public struct FlushSchedule: Sendable, Equatable {
        /// How a resolution's flushes are spread.
        public struct JitterStep: Sendable, Equatable {
            public var flushIntervalNanos: Int64
            /// 0 to 1, of the flush interval.
            public var maxShare: Double
        }

        public var checkEveryNanos: Int64
        public var jitterEnabled: Bool
        /// By rising flush interval.
        public var maxJitters: [JitterStep]
        /// No jitter is longer than this; `Int64.max` for none.
        public var jitterCapNanos: Int64
        /// What a follower keeps at most while it hears no flush times.
        public var maxBufferNanos: Int64
        public var forcedFlushWindowNanos: Int64
    }

    /// How long series are remembered.
    public struct Entries: Sendable, Equatable {
        public var ttlNanos: Int64
        public var checkIntervalNanos: Int64
    }

    public struct Passthrough: Sendable, Equatable {
        public var isEnabled: Bool
        public var numWriters: Int
    }

    public struct Logging: Sendable, Equatable {
        public enum Level: String, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        public var level: Level
        /// A file that the log is appended to; nil for standard error.
        public var file: String?
        /// Fields of every line, by name.
        public var fields: [String: String]
    }

    /// How the node's own metrics are served.
    public struct MetricsReporter: Sendable, Equatable {
        /// Stands before all names; empty for none.
        public var prefix: String
        public var commonTags: [String: String]
        /// Nil: only under the HTTP server's address.
        public var listenAddress: ListenAddress?
        public var path: String
    }
}
