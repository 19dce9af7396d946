import Cluster
import ControlProtocol
import KeyValue
import Transport

/// M3's calls on placements and topics, as routes over any key-value store. Source: `docs/cluster.md`, "Admin API".
public struct AdminAPI: Sendable {
    let store: any KeyValueStore
    let zone: String
    let environment: String
    let maxAggregationWindowNanos: Int64
    let nowNanos: @Sendable () -> Int64

    /// - Parameters:
    ///   - store: of the only zone that is served.
    ///   - environment: of placements where a call names none. For topics it is always `default_env`, as in M3.
    ///   - maxAggregationWindowNanos: shards of aggregators change hands where a window of this length ends; M3 takes the largest
    ///     resolution that is stored, one minute by default.
    ///   - nowNanos: nanoseconds since 1970.
    public init(
        store: any KeyValueStore, zone: String = ServiceID.defaultZone,
        environment: String = ServiceID.defaultEnvironment, maxAggregationWindowNanos: Int64 = 60_000_000_000,
        nowNanos: @escaping @Sendable () -> Int64
    ) {
        self.store = store
        self.zone = zone
        self.environment = environment
        self.maxAggregationWindowNanos = maxAggregationWindowNanos
        self.nowNanos = nowNanos
    }

    /// Adds all routes.
    public func addRoutes(to router: inout HTTPRouter) {
        for service in AdminService.allCases { addPlacementRoutes(of: service, to: &router) }
        addTopicRoutes(to: &router)
    }

    func route(
        _ method: String, _ pattern: String, in router: inout HTTPRouter,
        _ handler: @escaping @Sendable (HTTPRequest, HTTPRouter.PathParameters) async throws(AdminError) -> HTTPReply
    ) {
        router.on([method], pattern) { request, parameters in
            var reply: HTTPReply
            do throws(AdminError) {
                reply = try await handler(request, parameters)
            } catch {
                reply = error.reply
            }
            reply.headers["Access-Control-Allow-Origin"] = "*"
            reply.headers["Access-Control-Allow-Methods"] = "POST, GET, OPTIONS, PUT, DELETE"
            reply.headers["Access-Control-Allow-Headers"] = "accept, content-type, authorization"
            return reply
        }
    }

    /// A header's value without spaces around it, or the default when nothing is left.
    static func header(_ name: String, of request: HTTPRequest, default standard: String) -> String {
        let value = (request.headers[name] ?? "").drop { $0 == " " || $0 == "\t" }
        let end = value.lastIndex { $0 != " " && $0 != "\t" }
        return end.map { String(value[...$0]) } ?? standard
    }

    /// Throws 500 for a zone that this process has no store of.
    func zone(of request: HTTPRequest) throws(AdminError) -> String {
        let wanted = Self.header("Cluster-Zone-Name", of: request, default: zone)
        guard wanted == zone else { throw AdminError(500, "no etcd cluster found for zone: \(wanted)") }
        return wanted
    }
}

/// The services whose placements M3 knows.
enum AdminService: String, CaseIterable, Sendable {
    case database = "m3db"
    case aggregator = "m3aggregator"
    case coordinator = "m3coordinator"

    func kind(_ override: OptionOverride? = nil) -> PlacementKind {
        switch self {
        case .database: .sharded(stable: false, allowPartialReplace: true)
        case .aggregator: .mirrored
        case .coordinator:
            override?.isSharded == true ? .sharded(stable: true, allowPartialReplace: true) : .unsharded
        }
    }
}
