import Aggregator
import Cluster
import ControlProtocol
import KeyValue
import Logging
import NodeConfiguration
import SwiftProtobuf
import Synchronization

/// The rate limits that an operator changes while aggregators run, by two keys of the key-value store.
/// Source: `docs/aggregator-role.md`, "Rate limits".
final class RuntimeLimits: Sendable {
    private struct State {
        var valuesPerMetric: Int64
        /// Of the cluster; nil while its key has never had a value.
        var newMetrics: Int64?
    }

    private let settings: AggregatorConfiguration.RuntimeLimits
    private let numShards: UInt32
    private let replicaFactor: UInt32
    private let logger: Logger
    private let state: Mutex<State>

    init(
        _ settings: AggregatorConfiguration.RuntimeLimits, numShards: UInt32, replicaFactor: UInt32, logger: Logger
    ) {
        self.settings = settings
        self.numShards = numShards
        self.replicaFactor = replicaFactor
        self.logger = logger
        state = Mutex(State(valuesPerMetric: settings.valuesPerMetricPerSecond))
        if settings.newMetricsPerSecond > 0 {
            logger.notice(
                "the configured limit of new metrics holds only once its key has a value, as in M3",
                metadata: ["key": "\(settings.newMetricsKey)"])
        }
    }

    /// What is in force now.
    var current: AggregatorRuntimeOptions {
        let state = state.withLock { $0 }
        return AggregatorRuntimeOptions(
            valuesPerMetricLimitPerSecond: state.valuesPerMetric,
            newMetricLimitPerShardPerSecond: AggregatorRuntimeOptions.newMetricLimitPerShard(
                clusterLimit: state.newMetrics ?? 0, numShards: numShards, replicaFactor: replicaFactor))
    }

    /// Takes the value of the limit of values per metric; nil for an absent key, where the configured one holds.
    func setValuesPerMetric(_ stored: VersionedValue?) {
        guard let value = read(stored, settings.valuesPerMetricKey, or: settings.valuesPerMetricPerSecond) else {
            return
        }
        state.withLock { $0.valuesPerMetric = value }
    }

    /// Takes the value of the cluster's limit of new metrics. A key that never was sets no limit; one that goes sets the
    /// configured one.
    func setNewMetrics(_ stored: VersionedValue?) {
        guard let value = read(stored, settings.newMetricsKey, or: settings.newMetricsPerSecond) else { return }
        state.withLock { state in
            if stored != nil || state.newMetrics != nil { state.newMetrics = value }
        }
    }

    /// nil when the bytes are no number: the limit in force stays.
    private func read(_ stored: VersionedValue?, _ key: String, or fallback: Int64) -> Int64? {
        guard let stored else { return fallback }
        do {
            return try Commonpb_Int64Proto(serializedBytes: stored.bytes).value
        } catch {
            logger.error(
                "a rate limit can't be read; the one in force stays; store an Int64Proto",
                metadata: ["key": "\(key)", "error": "\(error)"])
            return nil
        }
    }

    /// Follows both keys and hands every change to the workers.
    func follow(_ stores: RoleStores, service: AggregatorService) async throws -> [Task<Void, Never>] {
        let store = try stores.store(zone: settings.scope.zone, key: "runtimeOptions.kvConfig.zone")
        let environment = stores.environment(settings.scope)
        let namespace = settings.scope.namespace.isEmpty ? ControlKeys.valueNamespace : settings.scope.namespace
        let keys: [(String, @Sendable (VersionedValue?) -> Void)] = [
            (settings.valuesPerMetricKey, { [self] in setValuesPerMetric($0) }),
            (settings.newMetricsKey, { [self] in setNewMetrics($0) }),
        ]
        var tasks: [Task<Void, Never>] = []
        for (key, take) in keys where !key.isEmpty {
            let values = try await store.watch(
                ControlKeys.value(key, environment: environment, namespace: namespace))
            tasks.append(
                Task {
                    for await value in values {
                        take(value)
                        await service.apply(current)
                    }
                })
        }
        return tasks
    }
}
