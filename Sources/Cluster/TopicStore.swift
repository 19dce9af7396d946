import KeyValue

/// The topics of one environment, under `/topic/ENVIRONMENT/NAME`.
///
/// Every write is a compare-and-set, as M3's is. Errors of the key-value store come as `ClusterError.keyValue`.
public struct TopicStore: Sendable {
    public let environment: String
    private let namespace: String
    private let values: ValueStore<Topic>

    public init(
        store: any KeyValueStore, environment: String = ServiceID.defaultEnvironment,
        namespace: String = ControlKeys.topicNamespace
    ) {
        self.environment = environment
        self.namespace = namespace
        values = ValueStore(
            store: store,
            decode: { (bytes) throws(ClusterError) in try Topic(protobuf: bytes) },
            encode: { (topic) throws(ClusterError) in try topic.protobuf() })
    }

    /// nil when there is no such topic.
    public func get(_ name: String) async throws(ClusterError) -> Versioned<Topic>? {
        try await values.get(try key(name))
    }

    /// Writes `topic` if its key is at `version`; 0 creates it. Returns the new version.
    @discardableResult
    public func checkAndSet(_ topic: Topic, version: Int64) async throws(ClusterError) -> Int64 {
        try await values.checkAndSet(try key(topic.name), version: version, topic)
    }

    /// Brings the topic to what `change` makes of it (nil: absent) and returns it; writes only when that differs.
    public func update(
        _ name: String, _ change: (Topic?) throws(ClusterError) -> Topic
    ) async throws(ClusterError) -> Versioned<Topic> {
        try await values.update(try key(name), change)
    }

    public func delete(_ name: String) async throws(ClusterError) {
        try await values.delete(try key(name))
    }

    /// The current topic, if there is one, then each newer one. Deletions are passed over.
    public func watch(_ name: String) async throws(ClusterError) -> ValueWatch<Topic> {
        try await values.watch(try key(name))
    }

    private func key(_ name: String) throws(ClusterError) -> String {
        guard !name.isEmpty else {
            throw .invalidName(field: "topic name", name: name, reason: "it is empty; give a name")
        }
        return ControlKeys.topic(name, environment: environment, namespace: namespace)
    }
}
