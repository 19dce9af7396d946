/// Why a value did not reach a window. The raw value is the `reason` label of the metrics.
///
/// Source: `docs/aggregator.md`, conservation.
public enum DropReason: String, Error, Hashable, CaseIterable {
    // Nothing to add to: the value is counted as unrouted, once.
    case invalidMetricType = "invalid_metric_type"
    /// No worker of this instance owns the shard, see ``AggregationWorker/refuse(_:payloads:)``.
    case shardNotOwned = "shard_not_owned"
    case idTooLong = "id_too_long"
    case badMetadata = "bad_metadata"
    case metadataTooLong = "metadata_too_long"
    case emptyMetadataList = "empty_metadata_list"
    case noApplicableMetadata = "no_applicable_metadata"
    case noPipelines = "no_pipelines"
    case noPolicies = "no_policies"
    case tombstoned = "tombstoned"
    case onlyDefaultMetadata = "only_default_metadata"
    case onlyDropPolicy = "only_drop_policy"
    case invalidAggregation = "invalid_aggregation"
    case invalidPipeline = "invalid_pipeline"
    case invalidResolution = "invalid_resolution"
    case invalidForwardCount = "invalid_forward_count"
    case metadataLimit = "metadata_limit"
    case seriesLimit = "series_limit"
    case elementLimit = "element_limit"
    case flushBucketLimit = "flush_bucket_limit"
    case shapeLimit = "shape_limit"
    case outOfMemory = "out_of_memory"
    case shutDown = "shut_down"
    /// The time is not between the shard's cutover and cutoff, with their buffers.
    case shardNotWritable = "shard_not_writable"
    case newMetricRateLimit = "new_metric_rate_limit"
    case valueRateLimit = "value_rate_limit"
    /// Passthrough metrics are not enabled.
    case passthroughDisabled = "passthrough_disabled"
    case passthroughBacklog = "passthrough_backlog"

    // An element refused the value: counted as rejected, once for each element.
    case tooFarInFuture = "too_far_in_future"
    case tooFarInPast = "too_far_in_past"
    case forwardedTooLate = "forwarded_too_late"
    /// No sender's clock is so far ahead: such values would fill the room for open windows.
    case forwardedTooEarly = "forwarded_too_early"
    case windowClosed = "window_closed"
    case windowLimit = "window_limit"
    case windowFull = "window_full"
    case sourceOutOfRange = "source_out_of_range"
    /// Values of counters and timers cannot be replaced.
    case resendUnsupported = "resend_unsupported"
    /// A message that replaces values lacks some of the values that it replaces.
    case previousValuesMissing = "previous_values_missing"
    case versionOutOfRange = "version_out_of_range"
    /// The sketch of a forwarded timer cannot be read.
    case badSketch = "bad_sketch"
}

/// Why a value that was in a window is in no published one.
public enum DiscardReason: String, Sendable, Hashable, CaseIterable {
    /// The window had not ended when the worker shut down.
    case shutDown = "shutdown"
    /// The leader had published the window.
    case follower
    /// The window ended before the cutover of its shard.
    case cutover
    /// The window ended after the cutoff of its shard.
    case cutoff
    /// The shard is no longer the worker's.
    case shardRemoved = "shard_removed"
}

/// Why an aggregation type of a consumed window was not published.
public enum SuppressReason: String, Sendable, Hashable, CaseIterable {
    case nan
    /// A transformation had no value of an earlier window to work on.
    case noPrevious = "no_previous"
    /// The window had been published with the same value.
    case unchanged
}

/// Why a value that was to be forwarded was not.
public enum ForwardDropReason: String, Sendable, Hashable, CaseIterable {
    /// The values of one window and rollup that come from one shard have to be in one message, which has a limit.
    case messageTooLarge = "message_too_large"
}

/// A counter for each reason.
public struct ReasonCounts<Reason: CaseIterable & Hashable & Sendable>: Sendable, Equatable {
    private var counts: [Reason: UInt64] = [:]

    public init() {}

    public subscript(_ reason: Reason) -> UInt64 { counts[reason] ?? 0 }

    public mutating func add(_ n: UInt64, _ reason: Reason) {
        counts[reason, default: 0] &+= n
    }

    public var total: UInt64 { counts.values.reduce(0, &+) }

    /// Reasons that have been counted, with their counts.
    public var nonZero: [Reason: UInt64] { counts.filter { $0.value != 0 } }
}
