import Aggregation
import Aggregator
import Metrics

extension AggregatorReader {
    /// When values are taken and windows published.
    func schedule(_ section: Section) -> (AggregatorConfiguration.Windows, AggregatorConfiguration.FlushSchedule) {
        let timedBuffer = pick(builtIn: 600, library: 60) * Self.second
        let delay = section.section("forwarding") { forwarding -> ForwardingDelay in
            let perStage = forwarding.duration("maxSingleDelay", default: 0)
            let constant = forwarding.duration(
                "maxConstDelay", default: pick(builtIn: 60 * Self.second, library: 0))
            return constant > 0 ? .constant(constant) : .perStage(perStage)
        }
        let windows = AggregatorConfiguration.Windows(
            bufferPastNanos: section.duration(
                "bufferDurationForPastTimedMetric", default: timedBuffer, zeroIsDefault: true),
            bufferFutureNanos: section.duration(
                "bufferDurationForFutureTimedMetric", default: timedBuffer, zeroIsDefault: true),
            forwardingDelay: delay,
            bufferBeforeShardCutoverNanos: section.duration(
                "bufferDurationBeforeShardCutover", default: 600 * Self.second, zeroIsDefault: true),
            bufferAfterShardCutoffNanos: section.duration(
                "bufferDurationAfterShardCutoff", default: pick(builtIn: 600, library: 3_600) * Self.second,
                zeroIsDefault: true),
            timedFlushOffsetEnabled: section.bool("timedMetricsFlushOffsetEnabled", default: false),
            writesIgnoreCutoffCutover: section.bool("writesIgnoreCutoffCutover", default: false))
        return (windows, section.section("flushManager", flushSchedule))
    }

    private func flushSchedule(_ section: Section) -> AggregatorConfiguration.FlushSchedule {
        typealias Step = AggregatorConfiguration.FlushSchedule.JitterStep
        section.ignore("numWorkersPerCPU", because: "every core has one worker, which publishes its own shards")
        section.ignore("flushTimesPersistEvery", because: WithoutEffect.deprecated)
        let steps = section.sections("maxJitters") { step in
            Step(
                flushIntervalNanos: step.duration("flushInterval", default: Self.second, in: 1...Section.century),
                maxShare: step.double("maxJitterPercent", default: 0, in: 0...1))
        }
        if steps == nil && isBuiltIn { recordStandardJitters(section) }
        let jitterEnabled = section.bool("jitterEnabled", default: true)
        let maxJitters = steps ?? (isBuiltIn ? Self.standardJitters : [])
        if jitterEnabled, maxJitters.isEmpty {
            section.fail(
                "maxJitters", "is missing, but jitter is enabled",
                "write steps such as '- {flushInterval: 10s, maxJitterPercent: 0.5}', or jitterEnabled: false")
        }
        if jitterEnabled, let step = maxJitters.first(where: { $0.maxShare == 0 }) {
            section.fail(
                "maxJitters", "the step of \(GoDuration.format(step.flushIntervalNanos)) has a share of 0",
                "all flushes of such intervals come at once; M3 stops there", severity: .warning)
        }
        return AggregatorConfiguration.FlushSchedule(
            checkEveryNanos: section.duration("checkEvery", default: Self.second, zeroIsDefault: true),
            jitterEnabled: jitterEnabled,
            maxJitters: maxJitters.sorted { $0.flushIntervalNanos < $1.flushIntervalNanos },
            jitterCapNanos: extensions.jitterCapNanos,
            maxBufferNanos: section.duration("maxBufferSize", default: 300 * Self.second, zeroIsDefault: true),
            forcedFlushWindowNanos: section.duration(
                "forcedFlushWindowSize", default: 10 * Self.second, zeroIsDefault: true))
    }

    /// M3's built-in steps.
    private static let standardJitters: [AggregatorConfiguration.FlushSchedule.JitterStep] = [
        .init(flushIntervalNanos: 5 * second, maxShare: 1), .init(flushIntervalNanos: 10 * second, maxShare: 0.5),
        .init(flushIntervalNanos: 60 * second, maxShare: 0.5), .init(flushIntervalNanos: 600 * second, maxShare: 0.5),
        .init(flushIntervalNanos: 3_600 * second, maxShare: 0.25),
    ]

    private func recordStandardJitters(_ section: Section) {
        for (index, step) in Self.standardJitters.enumerated() {
            let path = section.path + [.key("maxJitters"), .index(index)]
            let interval = GoDuration.format(step.flushIntervalNanos)
            section.reader.record(path + [.key("flushInterval")], .text(interval), .standard)
            section.reader.record(path + [.key("maxJitterPercent")], .number("\(step.maxShare)"), .standard)
        }
    }

    /// What is computed and how results are called.
    func aggregation(_ section: Section) -> AggregatorConfiguration.Aggregation {
        let prefix = { (key: String, library: String) in
            section.string(key, default: pick(builtIn: "", library: library))
        }
        let quantiles = self.quantiles(section)
        return section.section("aggregationTypes") { types in
            types.ignorePool("aggregationTypesPool", "quantilesPool")
            return AggregatorConfiguration.Aggregation(
                defaultCounterTypes: defaultTypes(types, "defaultCounterAggregationTypes", .counter),
                defaultTimerTypes: defaultTypes(types, "defaultTimerAggregationTypes", .timer),
                defaultGaugeTypes: defaultTypes(types, "defaultGaugeAggregationTypes", .gauge),
                counterTypeString: types.choice(
                    "counterTransformFnType", default: pick(builtIn: .empty, library: .noop)),
                timerTypeString: types.choice(
                    "timerTransformFnType", default: pick(builtIn: .suffix, library: .noop)),
                gaugeTypeString: types.choice(
                    "gaugeTransformFnType", default: pick(builtIn: .empty, library: .noop)),
                metricPrefix: prefix("metricPrefix", "stats."), counterPrefix: prefix("counterPrefix", "counts."),
                timerPrefix: prefix("timerPrefix", "timers."), gaugePrefix: prefix("gaugePrefix", "gauges."),
                quantiles: quantiles,
                defaultStoragePolicies: storagePolicies(section, "defaultStoragePolicies"),
                discardNaN: section.bool("discardNaNAggregatedValues", default: true),
                addToReset: section.bool("addToReset", default: false),
                keepCounterFractions: extensions.keepCounterFractions,
                correctCumulativeAdd: extensions.correctCumulativeAdd,
                maxTimerBatchSizePerWrite: section.int(
                    "maxTimerBatchSizePerWrite", default: pick(builtIn: 140, library: 0), in: 0...1_000_000_000))
        }
    }

    private func defaultTypes(_ section: Section, _ key: String, _ metricType: MetricType) -> [AggregationType] {
        let types = section.list(key, default: AggregationType.defaults(for: metricType), write: \.name) {
            text, refuse -> AggregationType? in
            guard let type = try? AggregationType(name: text) else {
                let all = AggregationType.allCases.map(\.name)
                let nearest = NearestName.of(text, among: all)
                refuse(
                    "is no aggregation type",
                    (nearest.map { "did you mean '\($0)'? " } ?? "") + "write one of \(all.joined(separator: ", "))")
                return nil
            }
            guard type.isValid(for: metricType) else {
                let valid = AggregationType.allCases.filter { $0.isValid(for: metricType) }.map(\.name)
                refuse(
                    "is not possible for a \(metricType.name)", "write one of \(valid.joined(separator: ", "))")
                return nil
            }
            return type
        }
        if types.isEmpty, section.reader.diagnostics.allSatisfy({ $0.severity != .error }) {
            section.fail(key, "names no type", "name at least one, or leave the key out")
        }
        return types
    }

    func storagePolicies(_ section: Section, _ key: String) -> [StoragePolicy] {
        section.list(key, default: [], write: \.description) { text, refuse -> StoragePolicy? in
            do {
                let policy = try StoragePolicy(parsing: text)
                if policy.isAggregatable { return policy }
                refuse("has a resolution or retention of 0", "write RESOLUTION:RETENTION, such as 10s:2d")
            } catch {
                refuse("\(error)", "write RESOLUTION:RETENTION, such as 10s:2d")
            }
            return nil
        }
    }

    /// M3's stream where the file has one, as M3's numbers are expected then; else exact values and sketches.
    private func quantiles(_ section: Section) -> QuantileEstimator {
        let choice = extensions.quantiles ?? (section.has("stream") || isBuiltIn ? .m3 : .ddsketch)
        let m3 = section.section("stream") { stream -> QuantileEstimator in
            stream.ignore("capacity", because: WithoutEffect.growing)
            stream.ignore("flushEvery", because: WithoutEffect.deprecated)
            stream.ignorePool("streamPool", "samplePool", "floatsPool")
            guard stream.isPresent || choice == .m3 else { return .m3Default }
            let eps = stream.double("eps", default: stream.isPresent ? 0 : 0.001, in: 0...0.5)
            if eps <= 0 || eps >= 0.5 {
                stream.fail("eps", "must lie between 0 and 0.5", "write 0.001, as M3's own configuration has it")
            }
            return .m3(
                eps: eps,
                insertAndCompressEvery: stream.int(
                    "insertAndCompressEvery", default: 1_024, zeroIsDefault: true,
                    in: 0...QuantileEstimator.maxInsertAndCompressEvery))
        }
        section.reader.record([.key("m3agg"), .key("quantiles")], .text(choice.rawValue), quantilesOrigin(section))
        return choice == .m3 ? m3 : .exactThenDDSketch(limit: extensions.exactValues)
    }

    private func quantilesOrigin(_ section: Section) -> ValueOrigin {
        if extensions.quantiles != nil, let origin = top.child("m3agg")?["quantiles"]?.origin { return origin }
        return section.child("stream")?.origin ?? .standard
    }
}
