import Metrics
import Storage
import WireFormat

/// Takes remote write requests apart: which samples go to the store, which messages to the aggregator, what is refused.
///
/// Nothing is sent or stored here: the caller admits both batches of a result together. Safe to use from any thread.
/// Source: `docs/rules.md`, Remote write.
public final class RemoteWriteHandler: Sendable {
    public struct Options: Sendable {
        /// Samples further ahead of now are refused, in nanoseconds.
        public var maxFutureNanos: Int64
        /// Samples further back than this are refused, in nanoseconds: the retention of the unaggregated namespace.
        public var maxPastNanos: Int64

        public init(maxFutureNanos: Int64 = 600_000_000_000, maxPastNanos: Int64 = 172_800_000_000_000) {
            self.maxFutureNanos = maxFutureNanos
            self.maxPastNanos = maxPastNanos
        }
    }

    /// The bits of Prometheus' stale marker, the one NaN that says that a series has ended.
    public static let staleMarkerBits: UInt64 = 0x7ff0_0000_0000_0002

    private let downsampler: Downsampler
    private let options: Options

    public init(downsampler: Downsampler, options: Options = Options()) {
        self.downsampler = downsampler
        self.options = options
    }

    /// Works out a request.
    /// - Parameters:
    ///   - body: the decompressed WriteRequest.
    ///   - prometheusType: the type of all series when a header says so, in place of each series' own.
    ///   - nowNanos: nanoseconds since 1970.
    /// - Throws: ``WireError`` for a body that is malformed anywhere: nothing of it is to be taken.
    public func handle(
        _ body: RawSpan, target: RemoteWriteTarget = .rulesAndUnaggregated,
        prometheusType: SeriesAttributes.PrometheusType? = nil, nowNanos: Int64
    ) throws(WireError) -> RemoteWriteResult {
        var result = RemoteWriteResult(messageBytes: target.usesRules ? body.byteCount : 0)
        var reader = try RemoteWriteReader(body, in: .all(of: body))
        let namespace = result.samples.index(of: Self.namespace(of: target))
        let context = Context(
            target: target, namespace: namespace,
            earliestMillis: (nowNanos &- options.maxPastNanos) / 1_000_000,
            latestMillis: (nowNanos &+ options.maxFutureNanos) / 1_000_000)
        var group = SeriesGroup()
        while var series = try reader.nextWithoutLabels(body) {
            result.counts.series &+= 1
            result.counts.received &+= reader.samples.count
            result.counts.histograms &+= series.histogramCount
            result.counts.exemplars &+= series.exemplarCount
            let attributes = Self.attributes(series, prometheusType)
            if let labels = series.labelFields, series.violation == nil {
                group.append(Downsampler.Lookup(key: labels, attributes: attributes), series.message, reader.samples)
                if group.isFull { try take(&group, &reader, body, context, &result) }
            } else {
                // In the order of the request, which decides between samples of the same series and time.
                try take(&group, &reader, body, context, &result)
                let samples = reader.samples
                try reader.readLabels(of: &series, body)
                body.withUnsafeBytes {
                    take(series, attributes, reader.labels, samples[...], $0, context, &result)
                }
            }
        }
        try take(&group, &reader, body, context, &result)
        result.counts.messages = result.messages.count
        return result
    }

    private struct Context {
        var target: RemoteWriteTarget
        var namespace: UInt32
        var earliestMillis: Int64
        var latestMillis: Int64
    }

    private static func namespace(of target: RemoteWriteTarget) -> Namespace {
        if case .aggregated(let policy) = target { return .aggregated(policy) }
        return .unaggregated
    }

    /// Takes the series of a group: those that the cache knows first, without reading their labels.
    private func take(
        _ group: inout SeriesGroup, _ reader: inout RemoteWriteReader, _ body: RawSpan, _ context: Context,
        _ result: inout RemoteWriteResult
    ) throws(WireError) {
        var unknown: [Int] = []
        body.withUnsafeBytes { bytes in
            downsampler.plans(group.lookups, in: bytes) { position, plan in
                append(plan, group.message(position), group.samples(position), bytes, context, &result)
            } missing: {
                unknown.append($0)
            }
        }
        for position in unknown {
            var series = RemoteWriteSeries(
                message: group.message(position), labelFields: group.lookups[position].key)
            try reader.readLabels(of: &series, body)
            body.withUnsafeBytes {
                take(
                    series, group.lookups[position].attributes, reader.labels, group.samples(position), $0, context,
                    &result)
            }
        }
        group.removeAll()
    }

    private func take(
        _ series: RemoteWriteSeries, _ attributes: SeriesAttributes, _ labels: [LabelRange],
        _ samples: ArraySlice<PrometheusSample>, _ bytes: UnsafeRawBufferPointer, _ context: Context,
        _ result: inout RemoteWriteResult
    ) {
        do throws(SeriesRejection) {
            if let violation = series.violation { throw Self.rejection(violation, labels, bytes) }
            let plan = try plan(series, attributes, labels, bytes)
            append(plan, series.message, samples, bytes, context, &result)
        } catch {
            result.counts.rejectedSeries &+= 1
            result.reject(error.reason, samples: samples.count, error.text)
        }
    }

    @inline(__always)
    private static func attributes(
        _ series: RemoteWriteSeries, _ prometheusType: SeriesAttributes.PrometheusType?
    ) -> SeriesAttributes {
        SeriesAttributes(
            metricType: series.m3Type == 2 ? .timer : series.m3Type == 1 ? .counter : .gauge,
            prometheusType: prometheusType
                ?? SeriesAttributes.PrometheusType(rawValue: UInt8(truncatingIfNeeded: series.prometheusType))
                ?? .unknown,
            source: SeriesAttributes.Source(rawValue: UInt8(truncatingIfNeeded: series.source)) ?? .prometheus)
    }

    private func plan(
        _ series: RemoteWriteSeries, _ attributes: SeriesAttributes, _ labels: [LabelRange],
        _ bytes: UnsafeRawBufferPointer
    ) throws(SeriesRejection) -> SeriesPlan {
        if let key = series.labelFields {
            return try downsampler.plan(key: bytes.part(key), attributes: attributes) { () throws(SeriesRejection) in
                try SeriesLabels.canonical(labels, in: bytes)
            }
        }
        let key = SeriesKey.copied(labels, from: bytes)
        return try key.withUnsafeBufferPointer { key throws(SeriesRejection) in
            try downsampler.plan(key: UnsafeRawBufferPointer(key), attributes: attributes) {
                () throws(SeriesRejection) in
                try SeriesLabels.canonical(labels, in: bytes)
            }
        }
    }

    private func append(
        _ plan: SeriesPlan, _ message: ByteRange, _ samples: ArraySlice<PrometheusSample>,
        _ bytes: UnsafeRawBufferPointer, _ context: Context, _ result: inout RemoteWriteResult
    ) {
        let isStored = stores(plan, context.target)
        let isDownsampled = context.target.usesRules
        var labelsIndex: UInt32?
        for sample in samples {
            guard sample.timestampMillis >= context.earliestMillis, sample.timestampMillis <= context.latestMillis
            else {
                let reason: SeriesRejection.Reason =
                    sample.timestampMillis < context.earliestMillis ? .timestampTooOld : .timestampTooFarAhead
                result.reject(reason, samples: 1, Self.text(reason, sample, context, message, bytes))
                continue
            }
            if isStored {
                let index = labelsIndex ?? result.samples.addSeries(plan.series)
                labelsIndex = index
                result.samples.append(
                    labels: index, namespace: context.namespace, timestampMs: sample.timestampMillis,
                    value: sample.value)
                result.counts.stored &+= 1
            } else {
                result.counts.notStored &+= 1
            }
            if sample.value.bitPattern == Self.staleMarkerBits {
                result.counts.staleMarkers &+= 1
            } else if isDownsampled {
                // In the accepted range, so the product fits.
                result.messages.append(plan, timeNanos: sample.timestampMillis &* 1_000_000, value: sample.value)
            }
        }
    }

    @inline(__always)
    private func stores(_ plan: SeriesPlan, _ target: RemoteWriteTarget) -> Bool {
        switch target {
        case .rulesAndUnaggregated: plan.storesSamples
        case .unaggregatedOnly, .aggregated: true
        case .rulesOnly: false
        }
    }

    private static func rejection(
        _ violation: WireError, _ labels: [LabelRange], _ bytes: UnsafeRawBufferPointer
    ) -> SeriesRejection {
        var reason = SeriesRejection.Reason.labelTooLong
        if case .limitExceeded(let field, _, _) = violation {
            if field == "labels of a series" { reason = .tooManyLabels }
            if field == "samples of a series" { reason = .tooManySamples }
        }
        return SeriesRejection(reason, "\(SeriesLabels.describe(labels, in: bytes)): \(violation)")
    }

    private static func text(
        _ reason: SeriesRejection.Reason, _ sample: PrometheusSample, _ context: Context, _ message: ByteRange,
        _ bytes: UnsafeRawBufferPointer
    ) -> String {
        let series = SeriesLabels.describe(message, in: bytes)
        return reason == .timestampTooOld
            ? "\(series) has a sample at \(sample.timestampMillis) ms, before the oldest that is kept, "
                + "\(context.earliestMillis) ms; raise the unaggregated retention to take it"
            : "\(series) has a sample at \(sample.timestampMillis) ms, after the latest that is taken, "
                + "\(context.latestMillis) ms; check the sender's clock"
    }
}
