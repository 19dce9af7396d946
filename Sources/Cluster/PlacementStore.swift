import KeyValue

/// The placement of one service.
///
/// M3 keeps two forms that look alike on the wire, so the form is part of the store: the aggregator's is staged
/// (`/placement/ENVIRONMENT/m3aggregator`), all others are plain (`_sd.placement/ENVIRONMENT/SERVICE`). Every write is a
/// compare-and-set. Errors of the key-value store come as `ClusterError.keyValue`.
public struct PlacementStore: Sendable {
    public enum Form: Sendable, Hashable {
        case plain
        /// `PlacementSnapshots` with one snapshot.
        case staged
    }

    public let serviceID: ServiceID
    public let form: Form
    public let key: String
    private let values: ValueStore<Placement>

    /// The store of any service, with the namespace that M3 uses for the form unless another is given.
    public init(store: any KeyValueStore, serviceID: ServiceID, form: Form, namespace: String? = nil) {
        self.serviceID = serviceID
        self.form = form
        switch form {
        case .plain:
            key = ControlKeys.placement(
                service: serviceID.name, environment: serviceID.environment,
                namespace: namespace ?? ControlKeys.placementNamespace)
            values = ValueStore(
                store: store,
                decode: { (bytes) throws(ClusterError) in try Placement(protobuf: bytes) },
                encode: { (placement) throws(ClusterError) in try placement.protobuf() })
        case .staged:
            key = ControlKeys.stagedPlacement(
                service: serviceID.name, environment: serviceID.environment,
                namespace: namespace ?? ControlKeys.stagedPlacementNamespace)
            values = ValueStore(
                store: store,
                decode: { (bytes) throws(ClusterError) in try Placement(stagedProtobuf: bytes) },
                encode: { (placement) throws(ClusterError) in try placement.stagedProtobuf() })
        }
    }

    /// The store of a service in its usual form: staged for `m3aggregator`, plain else.
    public init(store: any KeyValueStore, serviceID: ServiceID) {
        self.init(
            store: store, serviceID: serviceID, form: serviceID.name == ServiceID.aggregatorName ? .staged : .plain)
    }

    /// nil when there is no placement yet.
    public func get() async throws(ClusterError) -> Versioned<Placement>? {
        try await values.get(key)
    }

    /// Writes if the key is at `version`; 0 creates it. Returns the new version.
    @discardableResult
    public func checkAndSet(_ placement: Placement, version: Int64) async throws(ClusterError) -> Int64 {
        try await values.checkAndSet(key, version: version, placement)
    }

    /// Brings the placement to what `change` makes of it (nil: absent) and returns it; writes only when that differs.
    public func update(
        _ change: (Placement?) throws(ClusterError) -> Placement
    ) async throws(ClusterError) -> Versioned<Placement> {
        try await values.update(key, change)
    }

    public func delete() async throws(ClusterError) {
        try await values.delete(key)
    }

    /// The current placement, if there is one, then each newer one. Deletions are passed over.
    public func watch() async throws(ClusterError) -> ValueWatch<Placement> {
        try await values.watch(key)
    }
}
