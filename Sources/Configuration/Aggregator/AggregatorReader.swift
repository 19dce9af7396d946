import Aggregation
import Aggregator

/// Reads an aggregator's configuration from merged nodes: the keys of M3's `m3aggregator.yml` with M3's defaults, and
/// the section `m3agg` with what M3 does not have.
struct AggregatorReader {
    let top: Section
    /// M3 has other defaults when the section `aggregator` is absent than when only a key of it is.
    let isBuiltIn: Bool
    /// Read before everything else.
    let extensions: Extensions

    /// What M3 does not have.
    struct Extensions {
        var embeddedStore: AggregatorConfiguration.KeyValueClient?
        var onSessionLoss: AggregatorConfiguration.SessionLoss
        var quantiles: QuantileChoice?
        var exactValues: Int
        var keepCounterFractions: Bool
        var correctCumulativeAdd: Bool
        var bufferScope: ProducerConfiguration.BufferScope
        var jitterCapNanos: Int64
        var etcdCredentials: EtcdCluster.Credentials?
    }

    enum QuantileChoice: String, CaseIterable {
        case m3, ddsketch
    }

    enum CounterFractions: String, CaseIterable {
        case truncate, keep
    }

    enum CumulativeAdd: String, CaseIterable {
        case shared, perType
    }

    static func read(_ root: ConfigNode, _ reader: Reader) -> AggregatorConfiguration {
        let top = Section(reader: reader, path: [], node: root)
        let extensions = top.section("m3agg", Self.extensions)
        _ = top.child("node")
        let isBuiltIn = !top.has("aggregator")
        let configuration = AggregatorReader(top: top, isBuiltIn: isBuiltIn, extensions: extensions).configuration()
        top.reportUnknownKeys()
        return configuration
    }

    /// The default of a key: as M3's built-in set has it, or as its library.
    func pick<Value>(builtIn: Value, library: Value) -> Value { isBuiltIn ? builtIn : library }

    private static func extensions(_ section: Section) -> Extensions {
        Extensions(
            embeddedStore: section.optional("embeddedStore") { store in
                .embedded(
                    directory: store.required("directory", example: "/var/lib/m3agg"),
                    zone: store.string("zone", default: "embedded"),
                    environment: store.string("environment", default: "default_env"))
            },
            onSessionLoss: section.choice("onSessionLoss", default: .publish),
            quantiles: section.has("quantiles") ? section.choice("quantiles", default: QuantileChoice.ddsketch) : nil,
            exactValues: section.int("exactValues", default: 1_024, in: 1...QuantileEstimator.maxExactValues),
            keepCounterFractions: section.choice("counterFractions", default: CounterFractions.truncate) == .keep,
            correctCumulativeAdd: section.choice("cumulativeAdd", default: CumulativeAdd.shared) == .perType,
            bufferScope: section.choice("bufferScope", default: .perReplica),
            jitterCapNanos: section.duration("maxJitter", default: .max, zeroIsDefault: true),
            etcdCredentials: section.optional("etcd") { etcd in
                EtcdCluster.Credentials(
                    user: etcd.required("username", example: "m3agg"),
                    password: etcd.string("password", default: "", secret: true))
            })
    }

    private func configuration() -> AggregatorConfiguration {
        let (m3msg, rawTCP) = streamServers()
        let http = httpServer()
        let keyValue = keyValueClient()
        let runtimeLimits = self.runtimeLimits()
        let logging = self.logging()
        let metrics = metricsReporter()
        top.section("debug") { debug in
            debug.ignore("mutexProfileFraction", "blockProfileRate", because: WithoutEffect.goRuntime)
        }
        return top.section("aggregator") { section in
            let (windows, flush) = schedule(section)
            section.ignorePool("counterElemPool", "timerElemPool", "gaugeElemPool", "entryPool")
            section.ignore("maxNumCachedSourceSets", because: "the sources of a window are kept in its row")
            section.ignore("entryCheckBatchPercent", because: "a check looks at the series of one shard after another")
            ignoreFeatureFlags(section)
            section.hashType("hashType")
            return AggregatorConfiguration(
                m3msg: m3msg, rawTCP: rawTCP, http: http, keyValue: keyValue,
                identity: identity(section, rawTCP: rawTCP), placement: placement(section),
                runtimeLimits: runtimeLimits, flushTimes: flushTimes(section), election: election(section),
                onSessionLoss: extensions.onSessionLoss, aggregation: aggregation(section), windows: windows,
                flush: flush, entries: entries(section), forwarding: forwardingClient(section),
                outputs: outputs(section), passthrough: passthrough(section),
                resignTimeoutNanos: section.duration(
                    "resignTimeout", default: pick(builtIn: 60, library: 300) * Self.second, zeroIsDefault: true),
                shutdownWaitNanos: section.duration("shutdownWaitTimeout", default: 0),
                verboseErrors: section.bool("verboseErrors", default: false), logging: logging, metrics: metrics)
        }
    }

    static let second: Int64 = 1_000_000_000
    static let millisecond: Int64 = 1_000_000

    private func ignoreFeatureFlags(_ section: Section) {
        _ = section.sections("featureFlags") { flag in
            flag.ignore("flags", "filter", because: "no feature flags exist")
        }
    }

    private func passthrough(_ section: Section) -> AggregatorConfiguration.Passthrough {
        section.section("passthrough") { block in
            AggregatorConfiguration.Passthrough(
                isEnabled: block.bool("enabled", default: !block.isPresent && isBuiltIn),
                numWriters: block.int("numWriters", default: 8, zeroIsDefault: true, in: 0...1_024))
        }
    }

    private func entries(_ section: Section) -> AggregatorConfiguration.Entries {
        AggregatorConfiguration.Entries(
            ttlNanos: section.duration("entryTTL", default: 3_600 * Self.second, zeroIsDefault: true),
            checkIntervalNanos: section.duration(
                "entryCheckInterval", default: pick(builtIn: 600, library: 3_600) * Self.second, zeroIsDefault: true))
    }

    private func logging() -> AggregatorConfiguration.Logging {
        top.section("logging") { block in
            let file = block.string("file", default: "")
            block.section("encoderConfig") {
                $0.ignore(
                    "messageKey", "levelKey", "timeKey", "nameKey", "callerKey", "functionKey", "stacktraceKey",
                    "lineEnding", "levelEncoder", "timeEncoder", "durationEncoder", "callerEncoder", "nameEncoder",
                    because: WithoutEffect.logFormat)
            }
            return AggregatorConfiguration.Logging(
                level: block.choice(
                    "level", default: .info,
                    also: ["warn": .warning, "dpanic": .critical, "panic": .critical, "fatal": .critical]),
                file: file.isEmpty ? nil : file, fields: block.dictionary("fields"))
        }
    }

    private func metricsReporter() -> AggregatorConfiguration.MetricsReporter {
        top.section("metrics") { block in
            let isBuiltIn = !block.isPresent
            block.ignore(
                "samplingRate", "extended", "sanitization", "m3", because: WithoutEffect.prometheusOnly)
            let (prefix, tags) = block.section("scope") { scope in
                scope.ignore("reportingInterval", because: WithoutEffect.prometheusOnly)
                return (scope.string("prefix", default: ""), scope.dictionary("tags"))
            }
            let standard = ListenAddress(host: "0.0.0.0", port: 6_002)
            let (path, address) = block.section("prometheus") { prometheus in
                prometheus.ignore(
                    "onError", "timerType", "defaultHistogramBuckets", "defaultSummaryObjectives",
                    because: WithoutEffect.prometheusOnly)
                let path = prometheus.string("handlerPath", default: "/metrics")
                return (
                    path.isEmpty ? "/metrics" : path,
                    prometheus.address("listenAddress", default: isBuiltIn ? standard : nil)
                )
            }
            if !path.hasPrefix("/") {
                block.fail("prometheus", "handlerPath '\(path)' is no path", "write it with a slash, such as /metrics")
            }
            return AggregatorConfiguration.MetricsReporter(
                prefix: prefix, commonTags: tags, listenAddress: address, path: path)
        }
    }
}
