public import Aggregator

extension AggregatorConfiguration {
    /// What the aggregation core needs to know. Shard counts, the limit of new series and the hash seed come from the
    /// placement, the topic and the process.
    public func aggregatorOptions() -> AggregatorOptions {
        var options = AggregatorOptions()
        options.bufferForPastTimedMetricsNanos = windows.bufferPastNanos
        options.bufferForFutureTimedMetricsNanos = windows.bufferFutureNanos
        options.forwardingDelay = windows.forwardingDelay
        options.jitter = flush.jitter
        options.timedMetricsFlushOffsetEnabled = windows.timedFlushOffsetEnabled
        options.flushCheckNanos = flush.checkEveryNanos
        options.bufferBeforeShardCutoverNanos = windows.bufferBeforeShardCutoverNanos
        options.bufferAfterShardCutoffNanos = windows.bufferAfterShardCutoffNanos
        options.writesIgnoreCutoffCutover = windows.writesIgnoreCutoffCutover
        options.maxBufferSizeNanos = flush.maxBufferNanos
        options.runtime.valuesPerMetricLimitPerSecond = runtimeLimits.valuesPerMetricPerSecond
        options.newMetricNoLimitWarmupNanos = runtimeLimits.newMetricsWarmupNanos
        options.maxTimerBatchSizePerWrite = aggregation.maxTimerBatchSizePerWrite
        options.entryTTLNanos = entries.ttlNanos
        options.defaultCounterTypes = aggregation.defaultCounterTypes
        options.defaultGaugeTypes = aggregation.defaultGaugeTypes
        options.defaultTimerTypes = aggregation.defaultTimerTypes
        options.defaultStoragePolicies = aggregation.defaultStoragePolicies
        options.counterTypeString = aggregation.counterTypeString
        options.gaugeTypeString = aggregation.gaugeTypeString
        options.timerTypeString = aggregation.timerTypeString
        options.metricPrefix = aggregation.metricPrefix
        options.counterPrefix = aggregation.counterPrefix
        options.gaugePrefix = aggregation.gaugePrefix
        options.timerPrefix = aggregation.timerPrefix
        options.discardNaNAggregatedValues = aggregation.discardNaN
        options.addToReset = aggregation.addToReset
        options.quantileEstimator = aggregation.quantiles
        options.counterFractions = aggregation.keepCounterFractions ? .keep : .truncate
        options.cumulativeAdd = aggregation.correctCumulativeAdd ? .perType : .shared
        options.passthroughEnabled = passthrough.isEnabled
        return options
    }
}

extension AggregatorConfiguration.FlushSchedule {
    var jitter: FlushJitter {
        guard jitterEnabled else { return .off }
        return FlushJitter(
            isEnabled: true,
            steps: maxJitters.map {
                FlushJitter.Step(flushIntervalNanos: $0.flushIntervalNanos, maxShare: $0.maxShare)
            },
            capNanos: jitterCapNanos)
    }
}
