import Aggregator
import Coordinator
import FoundationEssentials
import Logging
import Metrics
import Rules
import Synchronization
import Telemetry

/// The rules of a folder, read again when its files change.
///
/// All files are checked before any rule is in force: a mistake leaves the rules that are in force as they are, is
/// logged, and shows on `/metrics` and `/ready`. Source: `docs/rules.md`, Files.
final class RulesFolder: Sendable {
    private struct State {
        var fingerprint: [String] = []
        var version: UInt64 = 1
        var problem: String?
    }

    private let directory: String
    private let downsampler: Downsampler
    private let aggregator: AggregatorOptions
    private let logger: Logger
    private let inForce: Gauge
    private let failures: Counter
    private let lastSucceeded: Gauge
    private let lastSuccess: Gauge
    private let state = Mutex(State())

    /// Reads the folder once.
    /// - Throws: ``Rules/RuleFileErrors``, ``Aggregator/AggregatorOptionsError`` when the aggregator's delays do not fit
    ///   the resolution of a rollup.
    init(
        directory: String, downsampler: Downsampler, aggregator: AggregatorOptions, registry: Registry, logger: Logger
    ) throws {
        self.directory = directory
        self.downsampler = downsampler
        self.aggregator = aggregator
        self.logger = logger
        inForce = registry.gauge("m3agg_coordinator_rules", help: "Mapping and rollup rules in force.")
        failures = registry.counter(
            "m3agg_coordinator_rules_load_failures_total", help: "Changed rule files that were refused.")
        lastSucceeded = registry.gauge(
            "m3agg_coordinator_rules_last_load_successful",
            help: "1 when the rule files as they are now are in force, 0 when they were refused.")
        lastSuccess = registry.gauge(
            "m3agg_coordinator_rules_last_load_success_timestamp_seconds",
            help: "When the rules in force were read, in seconds since 1970.")
        let fingerprint = Self.fingerprint(directory)
        let files = try RuleFiles(directory: directory)
        state.withLock { $0.fingerprint = fingerprint }
        try apply(files, version: 1)
    }

    /// What is wrong with the files since their last change; nil when they are in force.
    var problem: String? { state.withLock { $0.problem } }

    /// Whether what stands in the folder is in force. Refused rules are a warning only: the coordinator works, with the
    /// rules it had.
    var readiness: ReadinessCheck {
        ReadinessCheck(
            name: "rules", warning: problem.map { "the changed rules were refused, the old ones stay in force: \($0)" })
    }

    /// Looks for changes; called about once a second.
    func check() {
        let fingerprint = Self.fingerprint(directory)
        let version = state.withLock { state -> UInt64? in
            guard state.fingerprint != fingerprint else { return nil }
            state.fingerprint = fingerprint
            state.version += 1
            return state.version
        }
        guard let version else { return }
        do {
            try apply(try RuleFiles(directory: directory), version: version)
            state.withLock { $0.problem = nil }
        } catch {
            state.withLock { $0.problem = "\(error)" }
            failures.add()
            lastSucceeded.set(0)
            logger.error(
                "the changed rules were refused; the old ones stay in force", metadata: ["problems": "\(error)"])
        }
    }

    private func apply(_ files: RuleFiles, version: UInt64) throws(AggregatorOptionsError) {
        try aggregator.validate(
            rollupResolutionsNanos: files.rollupRules.flatMap(\.targets).flatMap(\.storagePolicies).map(
                \.resolutionNanos))
        for warning in files.warnings { logger.warning("rules: \(warning)") }
        let rules = files.ruleSet(version: version)
        downsampler.setRules(rules)
        lastSucceeded.set(1)
        lastSuccess.set(WallClock.nowNanos() / 1_000_000_000)
        inForce.set(Int64(rules.mappingRules.count + rules.rollupRules.count))
        logger.info(
            "rules in force",
            metadata: [
                "mapping": "\(rules.mappingRules.count)", "rollup": "\(rules.rollupRules.count)",
                "directory": "\(directory)",
            ])
    }

    /// Names, sizes and times of change of the rule files.
    private static func fingerprint(_ directory: String) -> [String] {
        let manager = FileManager.default
        let names = (try? manager.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map { name in
            let attributes = try? manager.attributesOfItem(atPath: "\(directory)/\(name)")
            let changed = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            return "\(name) \(attributes?[.size] ?? 0) \(changed)"
        }
    }
}
