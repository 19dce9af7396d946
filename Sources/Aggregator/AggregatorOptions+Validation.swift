public import Aggregation
public import Metrics

/// Why a configuration can't work. The text names the field, its value and what would do.
public enum AggregatorOptionsError: Error, Equatable, Sendable, CustomStringConvertible {
    case outOfRange(field: String, value: String, allowed: String)
    case invalidDefaultTypes(MetricType, String)
    case invalidEstimator(QuantileEstimatorError)
    case forwardingDelayTooShort(
        delayNanos: Int64, bufferNanos: Int64, jitterNanos: Int64, resolutionNanos: Int64, neededNanos: Int64)

    public var description: String {
        switch self {
        case .outOfRange(let field, let value, let allowed):
            "\(field) is \(value): it must be \(allowed)"
        case .invalidDefaultTypes(let metricType, let reason):
            "default aggregation types of \(metricType.name): \(reason)"
        case .invalidEstimator(let error):
            "quantileEstimator: \(error)"
        case .forwardingDelayTooShort(let delay, let buffer, let jitter, let resolution, let needed):
            "the maximum forwarding delay C is \(seconds(delay)) s, but rollups at resolution \(seconds(resolution)) s "
                + "need at least \(seconds(needed)) s: buffer for past timed metrics B \(seconds(buffer)) s + flush "
                + "jitter J \(seconds(jitter)) s + 2 s of transport. Raise C or lower B or J; "
                + "otherwise all forwarded values come too late"
        }
    }

    private func seconds(_ nanos: Int64) -> String { "\(Double(nanos) / 1e9)" }
}

extension AggregatorOptions {
    /// Checks every field, and that forwarded values can arrive in time.
    /// - Parameter rollupResolutionsNanos: the resolutions at which rules have rollups.
    /// - Throws: ``AggregatorOptionsError``
    public func validate(rollupResolutionsNanos: [Int64]) throws(AggregatorOptionsError) {
        try require(numShards > 0 && numShards <= 65_536, "numShards", numShards, "1 to 65536")
        try require(numAggregatedShards > 0, "numAggregatedShards", numAggregatedShards, "at least 1")
        let century: Int64 = 3_155_760_000_000_000_000
        try require(
            (0...century).contains(bufferForPastTimedMetricsNanos), "bufferForPastTimedMetrics",
            bufferForPastTimedMetricsNanos, "0 ns or more, at most a century")
        try require(
            (0...century).contains(bufferForFutureTimedMetricsNanos), "bufferForFutureTimedMetrics",
            bufferForFutureTimedMetricsNanos, "0 ns or more, at most a century")
        for (field, nanos) in [
            ("bufferDurationBeforeShardCutover", bufferBeforeShardCutoverNanos),
            ("bufferDurationAfterShardCutoff", bufferAfterShardCutoffNanos), ("maxBufferSize", maxBufferSizeNanos),
            ("writeNewMetricNoLimitWarmupDuration", newMetricNoLimitWarmupNanos),
        ] {
            try require((0...century).contains(nanos), field, nanos, "0 ns or more, at most a century")
        }
        try require(
            maxTimerBatchSizePerWrite >= 0, "maxTimerBatchSizePerWrite", maxTimerBatchSizePerWrite, "0 or more")
        try require(entryTTLNanos > 0, "entryTTL", entryTTLNanos, "more than 0 ns")
        try require(flushCheckNanos > 0, "flushCheck", flushCheckNanos, "more than 0 ns")
        for step in jitter.steps {
            try require((0...1).contains(step.maxShare), "jitter.maxShare", step.maxShare, "0 to 1")
        }
        switch forwardingDelay {
        case .constant(let delay), .perStage(let delay):
            try require((0...century).contains(delay), "maxForwardingDelay", delay, "0 ns or more, at most a century")
        }
        for policy in defaultStoragePolicies {
            try require(
                policy.resolutionNanos > 0, "defaultStoragePolicies", policy.description, "of a resolution above 0")
        }
        try limits.validate()
        do { try quantileEstimator.validate() } catch { throw .invalidEstimator(error) }
        for metricType in [MetricType.counter, .gauge, .timer] {
            let wrong = defaultTypes(for: metricType).filter { !$0.isValid(for: metricType) }
            guard wrong.isEmpty else {
                throw .invalidDefaultTypes(metricType, "\(wrong.map(\.name)) are not possible for this metric type")
            }
        }
        for resolution in rollupResolutionsNanos {
            try require(resolution > 0, "rollup resolution", resolution, "more than 0 ns")
            try checkForwardingDelay(resolutionNanos: resolution)
        }
    }

    /// A timed window is published up to r + B + J after its end, which is the time that its forwarded value bears;
    /// the receiver takes it up to the delay of the first stage.
    private func checkForwardingDelay(resolutionNanos: Int64) throws(AggregatorOptionsError) {
        let delay = forwardingDelayNanos(resolutionNanos: resolutionNanos, numForwardedTimes: 1)
            .addingSaturating(-resolutionNanos)
        // Without a fixed offset the flush may come at any phase of the resolution.
        let jitterNanos =
            timedMetricsFlushOffsetEnabled && jitter.isEnabled
            ? jitter.maxNanos(resolutionNanos: resolutionNanos)
            : timedMetricsFlushOffsetEnabled ? 0 : resolutionNanos
        let needed =
            bufferForPastTimedMetricsNanos.addingSaturating(jitterNanos).addingSaturating(2_000_000_000)
        guard delay >= needed else {
            throw .forwardingDelayTooShort(
                delayNanos: delay, bufferNanos: bufferForPastTimedMetricsNanos, jitterNanos: jitterNanos,
                resolutionNanos: resolutionNanos, neededNanos: needed)
        }
    }
}

extension AggregatorLimits {
    func validate() throws(AggregatorOptionsError) {
        try require(
            (1...Self.greatestIDBytes).contains(maxIDBytes), "maxIDBytes", maxIDBytes, "1 to \(Self.greatestIDBytes)")
        try require(
            (1...1_000_000_000).contains(maxSeriesPerWorker), "maxSeriesPerWorker", maxSeriesPerWorker,
            "1 to 1000000000")
        try require(
            (1...4_096).contains(maxElementsPerSeries), "maxElementsPerSeries", maxElementsPerSeries, "1 to 4096")
        try require((2...1_000_000).contains(maxOpenWindows), "maxOpenWindows", maxOpenWindows, "2 to 1000000")
        try require((1...100_000_000).contains(maxMetadatas), "maxMetadatas", maxMetadatas, "1 to 100000000")
        try require(maxMetadataBytes > 0, "maxMetadataBytes", maxMetadataBytes, "more than 0")
        try require((1...65_536).contains(maxFlushBuckets), "maxFlushBuckets", maxFlushBuckets, "1 to 65536")
        try require((1...1_000_000).contains(maxShapes), "maxShapes", maxShapes, "1 to 1000000")
        try require(
            (0...RowHead.greatestAnnotation).contains(maxAnnotations), "maxAnnotations", maxAnnotations,
            "0 to \(RowHead.greatestAnnotation)")
        try require(maxAnnotationBytes >= 0, "maxAnnotationBytes", maxAnnotationBytes, "0 or more")
        try require((1...1_000).contains(maxForwardedTimes), "maxForwardedTimes", maxForwardedTimes, "1 to 1000")
        try require(
            maxForwardedMessageBytes >= 1_024, "maxForwardedMessageBytes", maxForwardedMessageBytes, "1024 or more")
    }
}

private func require(
    _ holds: Bool, _ field: String, _ value: some CustomStringConvertible, _ allowed: String
) throws(AggregatorOptionsError) {
    guard holds else { throw .outOfRange(field: field, value: value.description, allowed: allowed) }
}
