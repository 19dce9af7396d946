import Aggregator
import Metrics

/// What can only be seen when all values are known.
enum AggregatorChecks {
    /// - Parameter isShortForm: whether delays that lose forwarded values are an error; M3's own files have them, and
    ///   an operator who replaces M3 shall get what M3 did.
    static func run(
        _ configuration: AggregatorConfiguration, environment: [String: String], isShortForm: Bool, _ reader: Reader
    ) {
        if case .environment(let variable) = configuration.identity.source, environment[variable, default: ""].isEmpty {
            report(
                .warning, reader, "aggregator.hostID.envVarName",
                "the environment variable \(variable) is not set here, but a start needs it",
                "set it where the node is started")
        }
        AggregatorWithoutEffect.report(reader)
        checkOptions(configuration, reader)
        checkForwardingDelay(configuration, isShortForm: isShortForm, reader)
        checkAddresses(configuration, reader)
        if configuration.election.ttlSeconds < 3 {
            report(
                .warning, reader, "aggregator.electionManager.election.ttlSeconds",
                "a leader that is busy for so short a time loses its lease", "write 10 or more")
        }
        if configuration.windows.bufferFutureNanos == 0 {
            report(
                .warning, reader, "aggregator.bufferDurationForFutureTimedMetric",
                "a value from a clock that is a little ahead is refused", "write some seconds")
        }
        for output in configuration.outputs {
            guard case .m3msg(let output) = output, case .m3msg(let client) = configuration.forwarding else { continue }
            if output.producer.topic == client.topic && output.producer.topicScope == client.topicScope {
                report(
                    .error, reader, "aggregator.client.m3msg.producer.writer.topicName",
                    "is the topic of aggregated metrics, too, which aggregators can't read",
                    "write the topic that aggregators consume, such as aggregator_ingest")
            }
        }
    }

    private static func checkOptions(_ configuration: AggregatorConfiguration, _ reader: Reader) {
        do {
            try configuration.aggregatorOptions().validate(rollupResolutionsNanos: [])
        } catch {
            report(.error, reader, "aggregator", "\(error)", "")
        }
    }

    /// Forwarded values that come from timed windows are all too late where C is too short.
    private static func checkForwardingDelay(
        _ configuration: AggregatorConfiguration, isShortForm: Bool, _ reader: Reader
    ) {
        let named = configuration.aggregation.defaultStoragePolicies.map(\.resolutionNanos)
        let resolutions = named.isEmpty ? [10_000_000_000, 60_000_000_000] : Set(named).sorted()
        let options = configuration.aggregatorOptions()
        for resolution in resolutions {
            do {
                try options.validate(rollupResolutionsNanos: [resolution])
            } catch {
                guard case .forwardingDelayTooShort = error else { continue }
                let field =
                    if case .constant = configuration.windows.forwardingDelay {
                        "aggregator.forwarding.maxConstDelay"
                    } else {
                        "aggregator.forwarding.maxSingleDelay"
                    }
                report(
                    isShortForm ? .error : .warning, reader, field, "rollups of timed metrics lose values: \(error)",
                    isShortForm
                        ? "C is node.buffers.forwarding, B is node.buffers.past"
                        : "C is aggregator.forwarding.maxConstDelay, B is aggregator.bufferDurationForPastTimedMetric")
                return
            }
        }
    }

    private static func checkAddresses(_ configuration: AggregatorConfiguration, _ reader: Reader) {
        let all: [(field: String, address: ListenAddress?)] = [
            ("m3msg.server.listenAddress", configuration.m3msg?.server.listenAddress),
            ("rawtcp.listenAddress", configuration.rawTCP?.server.listenAddress),
            ("http.listenAddress", configuration.http.listenAddress),
            ("metrics.prometheus.listenAddress", configuration.metrics.listenAddress),
        ]
        var seen: [(field: String, address: ListenAddress)] = []
        for (field, address) in all {
            guard let address, address.port != 0 else { continue }
            if let other = seen.first(where: { $0.address == address }) {
                report(
                    .error, reader, field, "\(address) is the address of \(other.field), too",
                    "give one of them another port")
            }
            seen.append((field, address))
        }
    }

    private static func report(
        _ severity: Diagnostic.Severity, _ reader: Reader, _ field: String, _ problem: String, _ remedy: String
    ) {
        reader.report(
            Reader.diagnostic(
                severity, reader.origin(of: field) ?? .standard, field: field, value: nil, problem, remedy))
    }
}
