import Cluster
import KeyValue

/// What has to be written, and what stands in the way, to bring a cluster to its description. Source: `docs/cluster.md`.
public struct ClusterPlan: Sendable {
    public enum Action: String, Sendable {
        case create, change
        /// As described already.
        case keep
        /// Not described, and left alone.
        case extra
        /// Differs in a way that can't be changed.
        case blocked
    }

    public struct Step: Sendable {
        public var action: Action
        /// The key in the store.
        public var key: String
        /// What is to be written, or why not.
        public var detail: String
        let write: Write?
    }

    enum Write: Sendable {
        /// Version 0 creates.
        case placement(PlacementStore, Placement, version: Int64)
        case topic(TopicStore, Topic, version: Int64)
    }

    public private(set) var steps: [Step] = []

    public var isBlocked: Bool { steps.contains { $0.action == .blocked } }
    public var hasChanges: Bool { steps.contains { $0.write != nil } }

    /// Compares the store with the description. Nothing is written.
    /// - Parameters:
    ///   - prune: instances and consumers that are not described go away; without it they are kept and shown.
    ///   - now: nanoseconds since 1970.
    public init(
        _ description: ClusterDescription, store: any KeyValueStore, prune: Bool = false, now: Int64,
        maxAggregationWindowNanos: Int64 = 60_000_000_000
    ) async throws(ClusterError) {
        let aggregators = PlacementPlanner(
            placements: description.placements(ServiceID.aggregatorName, store), wanted: description.aggregators,
            kind: .mirrored, numShards: description.numShards, replicas: description.replicas,
            times: .aggregator(now: now, maxAggregationWindow: maxAggregationWindowNanos), prune: prune)
        steps += try await aggregators.steps()
        let coordinators = PlacementPlanner(
            placements: description.placements(ServiceID.coordinatorName, store), wanted: description.coordinators,
            kind: .unsharded, numShards: 0, replicas: 1, times: PlacementTimes(now: now), prune: prune)
        steps += try await coordinators.steps()
        let topics = TopicStore(store: store, environment: description.environment)
        for topic in description.topics {
            steps += try await Self.steps(topic, in: topics, prune: prune)
        }
    }

    /// Writes all changes, placements first, so that whoever sees a topic finds its consumers. Each is a compare-and-set at the
    /// version that the plan was made from. Throws `keyValue(.versionMismatch)` when somebody was faster; what was written before
    /// stays, and a new plan goes on from there.
    public func apply() async throws(ClusterError) {
        for step in steps {
            switch step.write {
            case .placement(let store, let placement, let version):
                try await store.checkAndSet(placement, version: version)
            case .topic(let store, let topic, let version): try await store.checkAndSet(topic, version: version)
            case nil: continue
            }
        }
    }

    private static func steps(
        _ wanted: Topic, in topics: TopicStore, prune: Bool
    ) async throws(ClusterError) -> [Step] {
        let key = ControlKeys.topic(wanted.name, environment: topics.environment)
        guard let stored = try await topics.get(wanted.name) else {
            try wanted.validate()
            let consumers = wanted.consumerServices.map(\.serviceID.name).joined(separator: ", ")
            return [
                Step(
                    action: .create, key: key,
                    detail: "topic with \(wanted.numberOfShards) shards, consumed by "
                        + (consumers.isEmpty ? "nobody" : consumers),
                    write: .topic(topics, wanted, version: 0))
            ]
        }
        guard stored.value.numberOfShards == wanted.numberOfShards else {
            return [
                Step(
                    action: .blocked, key: key,
                    detail:
                        "the topic has \(stored.value.numberOfShards) shards, described are \(wanted.numberOfShards): "
                        + "running producers refuse another number; describe \(stored.value.numberOfShards), or make a "
                        + "topic of another name", write: nil)
            ]
        }
        var next = stored.value
        var changes: [String] = []
        for consumer in wanted.consumerServices {
            let name = consumer.serviceID.name
            guard let index = next.consumerServices.firstIndex(where: { $0.serviceID == consumer.serviceID }) else {
                next.consumerServices.append(consumer)
                changes.append("add consumer \(name)")
                continue
            }
            var changed = next.consumerServices[index]
            changed.consumptionType = consumer.consumptionType
            changed.messageTTLNanos = consumer.messageTTLNanos
            guard changed != next.consumerServices[index] else { continue }
            next.consumerServices[index] = changed
            changes.append("change consumer \(name)")
        }
        let described = Set(wanted.consumerServices.map(\.serviceID))
        let extra = next.consumerServices.filter { !described.contains($0.serviceID) }.map(\.serviceID)
        var steps: [Step] = []
        if prune {
            next.consumerServices.removeAll { !described.contains($0.serviceID) }
            changes += extra.map { "remove consumer \($0.name)" }
        } else if !extra.isEmpty {
            steps.append(
                Step(
                    action: .extra, key: key,
                    detail: "consumers that are not described are kept: "
                        + extra.map(\.description).joined(separator: ", ") + "; --prune removes them", write: nil))
        }
        if changes.isEmpty {
            steps.append(Step(action: .keep, key: key, detail: "topic as described", write: nil))
        } else {
            try next.validate()
            steps.append(
                Step(
                    action: .change, key: key, detail: changes.joined(separator: ", "),
                    write: .topic(topics, next, version: stored.version)))
        }
        return steps
    }
}
