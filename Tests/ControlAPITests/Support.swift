import Cluster
import Etcd
import Foundation
import KeyValue
import Logging
import NIOPosix
import Telemetry
import TestKit
import Testing
import Transport

@testable import ControlAPI

/// The stores that the API must work over alike.
enum StoreKind: CaseIterable, Sendable {
    case embedded
    case etcd

    func withStore(_ body: (any KeyValueStore) async throws -> Void) async throws {
        switch self {
        case .embedded:
            let directory = try TemporaryDirectory("admin")
            let store = try EmbeddedStore(directory: directory.url.path)
            try await body(store)
            await store.close()
        case .etcd:
            let cluster = try await EtcdCluster(members: 1)
            var logger = Logger(label: "admin-tests")
            logger.logLevel = .critical
            let endpoints = try cluster.endpoints.map { try EtcdOptions.parse(endpoint: $0).endpoint }
            let store = EtcdStore(
                options: EtcdOptions(endpoints: endpoints), group: MultiThreadedEventLoopGroup.singleton,
                registry: Registry(), logger: logger)
            do {
                try await body(store)
            } catch {
                await store.close()
                await cluster.stopAll()
                throw error
            }
            await store.close()
            await cluster.stopAll()
        }
    }
}

/// A client of the API, without sockets, at a time that tests choose.
struct Client {
    static let now: Int64 = 1_700_000_000_123_456_789
    /// The end of the minute that `now` lies in.
    static let cutover: Int64 = 1_700_000_040_000_000_000

    let router: HTTPRouter
    var environment: String? = "default_env"

    init(_ store: any KeyValueStore, environment: String? = "default_env", now: Int64 = Client.now) {
        var router = HTTPRouter()
        AdminAPI(store: store, nowNanos: { now }).addRoutes(to: &router)
        self.router = router
        self.environment = environment
    }

    struct Answer: Equatable {
        var status: Int
        var body: String
    }

    /// - Parameter headers: beside that of the environment.
    func send(
        _ method: String, _ path: String, _ body: String = "", headers: [(String, String)] = []
    ) async throws -> Answer {
        let reply = try await reply(method, path, body, headers: headers)
        return Answer(status: reply.status, body: String(decoding: reply.body, as: UTF8.self))
    }

    func reply(
        _ method: String, _ path: String, _ body: String = "", headers: [(String, String)] = []
    ) async throws -> HTTPReply {
        var fields = headers.map { (name: $0.0, value: $0.1) }
        if let environment { fields.append((name: "Cluster-Environment-Name", value: environment)) }
        return await router.respond(
            to: try HTTPRequest(
                method: method, target: "/api/v1/\(path)", headers: HTTPHeaders(fields), body: Array(body.utf8))
        ).reply
    }

    func topic(_ method: String, _ suffix: String = "", _ body: String = "", name: String?) async throws -> Answer {
        try await send(method, "topic\(suffix)", body, headers: name.map { [("Topic-Name", $0)] } ?? [])
    }

    func placement(
        _ service: String, _ method: String, _ suffix: String = "", _ body: String = "",
        headers: [(String, String)] = []
    ) async throws -> Answer {
        try await send(method, "services/\(service)/placement\(suffix)", body, headers: headers)
    }
}

func failure(_ status: Int, _ text: String) -> Client.Answer {
    let quoted = text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
        .replacingOccurrences(of: "<", with: "\\u003c").replacingOccurrences(of: ">", with: "\\u003e")
    return Client.Answer(status: status, body: "{\"status\":\"error\",\"error\":\"\(quoted)\"}\n")
}

/// The fields of an instance in a request.
func instanceJSON(_ id: String, group: String, host: String, port: Int, weight: Int = 100) -> String {
    """
    {"id":"\(id)","isolation_group":"\(group)","zone":"embedded","weight":\(weight),"endpoint":"\(host):\(port)",\
    "hostname":"\(host)","port":\(port)}
    """
}
