import Cluster
import ControlProtocol
import KeyValue
import Transport

/// `/api/v1/services/SERVICE/placement`.
extension AdminAPI {
    func addPlacementRoutes(of service: AdminService, to router: inout HTTPRouter) {
        let path = "/api/v1/services/\(service.rawValue)/placement"
        func on(
            _ method: String, _ suffix: String,
            _ handler: @escaping @Sendable (PlacementCall) async throws(AdminError) -> HTTPReply
        ) {
            route(method, path + suffix, in: &router) { request, parameters throws(AdminError) in
                try await handler(PlacementCall(api: self, service: service, request: request, id: parameters["id"]))
            }
        }
        on("POST", "/init") { call throws(AdminError) in try await call.initialize() }
        on("GET", "") { call throws(AdminError) in try await call.get() }
        on("POST", "") { call throws(AdminError) in try await call.add() }
        on("POST", "/remove") { call throws(AdminError) in try await call.remove() }
        on("POST", "/replace") { call throws(AdminError) in try await call.replace() }
        on("POST", "/set") { call throws(AdminError) in try await call.set() }
        on("DELETE", "/{id}") { call throws(AdminError) in try await call.deleteInstance() }
        on("DELETE", "") { call throws(AdminError) in try await call.deleteAll() }
    }
}

/// One call on one service's placement.
struct PlacementCall: Sendable {
    let service: AdminService
    let request: HTTPRequest
    /// The instance in the path.
    let id: String
    let zone: String
    let isDryRun: Bool
    let times: PlacementTimes
    private let placements: PlacementStore

    init(api: AdminAPI, service: AdminService, request: HTTPRequest, id: String) throws(AdminError) {
        self.service = service
        self.request = request
        self.id = id
        zone = try api.zone(of: request)
        isDryRun = request.headers["Dry-Run"] == "true"
        let now = api.nowNanos()
        times =
            service == .aggregator
            ? .aggregator(now: now, maxAggregationWindow: api.maxAggregationWindowNanos) : PlacementTimes(now: now)
        let environment = AdminAPI.header("Cluster-Environment-Name", of: request, default: api.environment)
        placements = PlacementStore(
            store: api.store, serviceID: ServiceID(name: service.rawValue, environment: environment, zone: zone))
    }

    func initialize() async throws(AdminError) -> HTTPReply {
        let body = try PlacementRequest.Init(request.body)
        guard let shards = UInt32(exactly: body.numShards) else {
            throw AdminError(500, "invalid number of shards \(body.numShards); give 0 or more")
        }
        let replicas = service == .coordinator ? 1 : body.replicationFactor
        guard replicas > 0, let replicas = UInt32(exactly: replicas) else {
            throw AdminError(500, "invalid replica factor \(replicas); give 1 or more")
        }
        let kind = service.kind(body.override)
        let selector = selector(body.override)
        var placement = try AdminError.converting { () throws(ClusterError) in
            let chosen = try selector.initial(body.instances, kind: kind, replicaFactor: replicas)
            return try Placement.initial(
                chosen, kind: kind, numShards: shards, replicaFactor: replicas, times: times)
        }
        placement.cutoverTimeNanos = 0
        try await createUnlessDry(placement)
        // The version that M3 answers, although the stored one is 1.
        return Self.reply(placement, version: 0)
    }

    private func createUnlessDry(_ placement: Placement) async throws(AdminError) {
        guard !isDryRun else { return }
        do {
            try await placements.checkAndSet(placement, version: 0)
        } catch ClusterError.keyValue(.versionMismatch) {
            throw AdminError(409, "key already has a value")
        } catch {
            throw AdminError(error)
        }
    }

    func get() async throws(AdminError) -> HTTPReply {
        let missing = AdminError(404, "placement does not exist")
        let stored = try await AdminError.mapping { () async throws(ClusterError) in try await placements.get() }
        if let text = request.parameters.first("version"), !text.isEmpty {
            guard let version = Int64(text) else {
                throw .invalid("could not parse version: strconv.Atoi: parsing \(GoText.quoted(text)): invalid syntax")
            }
            guard let stored else { throw missing }
            // Stores keep only the newest version.
            guard version == stored.version else {
                throw AdminError(
                    404,
                    "placement does not exist: version \(version) is not kept, the current one is \(stored.version)")
            }
        }
        guard let stored else { throw missing }
        return Self.reply(stored.value, version: stored.version)
    }

    func add() async throws(AdminError) -> HTTPReply {
        let body = try PlacementRequest.Add(request.body)
        let kind = service.kind(body.override)
        let selector = selector(body.override)
        return try await change(kind, force: body.force) { (placement) throws(ClusterError) in
            try selector.add(body.instances, to: placement, kind: kind)
        }
    }

    func remove() async throws(AdminError) -> HTTPReply {
        let body = try PlacementRequest.Remove(request.body)
        return try await change(service.kind(body.override), force: body.force) { (_) throws(ClusterError) in
            .remove(body.ids)
        }
    }

    func replace() async throws(AdminError) -> HTTPReply {
        let body = try PlacementRequest.Replace(request.body)
        let kind = service.kind()
        let selector = selector(nil)
        return try await change(kind, force: body.force || service == .coordinator) {
            (placement) throws(ClusterError) in
            // Without force M3 takes the candidates as they are, shard set ids included.
            guard body.force else { return .replace(body.leaving, with: body.candidates) }
            return try selector.replace(body.leaving, by: body.candidates, in: placement, kind: kind)
        }
    }

    func deleteInstance() async throws(AdminError) -> HTTPReply {
        let force = request.parameters.first("force") == "true" || service == .coordinator
        let current = try await current()
        guard current.value.instance(id) != nil else { throw AdminError(404, "instance not found: \(id)") }
        return try await change(service.kind(), force: force, from: current) { (_) throws(ClusterError) in .remove([id])
        }
    }

    func deleteAll() async throws(AdminError) -> HTTPReply {
        let notFound = AdminError(404, "key not found")
        if isDryRun {
            let stored = try await AdminError.mapping { () async throws(ClusterError) in try await placements.get() }
            guard stored != nil else { throw notFound }
        } else {
            do {
                try await placements.delete()
            } catch ClusterError.keyValue(.notFound) {
                throw notFound
            } catch {
                throw AdminError(error)
            }
        }
        return .text("{\"deleted\":true}\n")
    }

    func set() async throws(AdminError) -> HTTPReply {
        let body = try PlacementRequest.Set(request.body)
        let stored = try await AdminError.mapping { () async throws(ClusterError) in try await placements.get() }
        guard let message = body.placement else { throw .invalid("nil placement proto") }
        let placement: Placement
        do {
            placement = try Placement(message)
            if !body.force { try placement.validate() }
        } catch {
            let text = AdminError(error).text
            if case .invalidPlacement = error { throw .invalid("unable to validate new placement: \(text)") }
            throw .invalid(text)
        }
        var version = stored.map { $0.version + 1 } ?? 0
        if body.confirm, !isDryRun {
            version = try await AdminError.mapping { () async throws(ClusterError) in
                try await placements.checkAndSet(placement, version: stored?.version ?? 0)
            }
        }
        var json = JSONWriter()
        json.object { json in
            json.key("placement")
            PlacementJSON.write(message, to: &json)
            json.field("version", Int32(clamping: version))
            json.field("dryRun", !body.confirm)
        }
        return .json(json.bytes)
    }

    private func current() async throws(AdminError) -> Versioned<Placement> {
        let stored = try await AdminError.mapping { () async throws(ClusterError) in try await placements.get() }
        guard let stored else { throw AdminError(500, "key not found") }
        return stored
    }

    private func selector(_ override: OptionOverride?) -> PlacementSelector {
        var selector = PlacementSelector(zone: zone)
        selector.allowPartialReplace = true
        selector.skipPortMirroring = override?.skipPortMirroring ?? false
        return selector
    }

    /// Reads, changes and writes at the version that was read.
    private func change(
        _ kind: PlacementKind, force: Bool, from known: Versioned<Placement>? = nil,
        _ choose: (Placement) throws(ClusterError) -> PlacementChange
    ) async throws(AdminError) -> HTTPReply {
        let stored: Versioned<Placement>
        if let known { stored = known } else { stored = try await current() }
        if !force { try Self.requireAvailable(stored.value) }
        var placement = try AdminError.converting { () throws(ClusterError) in
            try stored.value.applying(choose(stored.value), kind: kind, times: times)
        }
        placement.cutoverTimeNanos = 0
        if isDryRun {
            // M3 makes sharded placements anew, without a version, and edits others.
            return Self.reply(placement, version: placement.isSharded ? 0 : stored.version)
        }
        let next = placement
        let version = try await AdminError.mapping { () async throws(ClusterError) in
            try await placements.checkAndSet(next, version: stored.version)
        }
        return Self.reply(placement, version: version)
    }

    private static func requireAvailable(_ placement: Placement) throws(AdminError) {
        let others = placement.instances.filter { $0.commonState != .available }.map(\.id)
        guard others.isEmpty else {
            throw .invalid("instances do not have all shards available: [\(others.joined(separator: ", "))]")
        }
    }

    private static func reply(_ placement: Placement, version: Int64) -> HTTPReply {
        var json = JSONWriter()
        json.object { json in
            json.key("placement")
            PlacementJSON.write(placement.message, to: &json)
            json.field("version", Int32(clamping: version))
        }
        return .json(json.bytes)
    }
}
