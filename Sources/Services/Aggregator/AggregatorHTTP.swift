import Coordinator
import Logging
import Synchronization
import Telemetry
import Transport

/// The aggregator's HTTP routes: M3's, with its bodies to the byte, and our own `/ready` and `/metrics`.
/// Source: `docs/aggregator-role.md`, "HTTP".
struct AggregatorHTTP: Sendable {
    let leadership: any AggregatorLeadership
    let resignTimeoutNanos: Int64
    /// Why the instance can't do its work yet; nil when it can.
    let problem: @Sendable () -> String?
    let registry: Registry
    /// Where `/metrics` is besides its usual place; nil for nowhere else.
    let metricsPath: String?
    let logger: Logger

    /// What routes are declared for: any method has to reach those of M3, which answer 400 rather than 405.
    private static let methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]

    var router: HTTPRouter {
        var router = HTTPRouter()
        m3(&router, "/health", "GET") { Self.succeeded }
        m3(&router, "/resign", "POST") { await resign() }
        m3(&router, "/status", "GET") { Self.status(leadership.status) }
        router.get("/ready") { _, _ in ready }
        let registry = registry
        for path in Set(["/metrics", metricsPath ?? "/metrics"]).sorted() {
            router.get(path) { _, _ in CoordinatorAPI.metrics(registry) }
        }
        return router
    }

    /// A server of metrics only, for the address of its own that M3 has for them.
    static func metricsOnly(_ registry: Registry, path: String) -> HTTPRouter {
        var router = HTTPRouter()
        router.get(path) { _, _ in CoordinatorAPI.metrics(registry) }
        return router
    }

    private func m3(
        _ router: inout HTTPRouter, _ path: String, _ method: String,
        _ answer: @escaping @Sendable () async -> HTTPReply
    ) {
        router.on(Self.methods + Self.methods.map { $0.lowercased() }, path) { request, _ in
            request.method.uppercased() == method ? await answer() : Self.failure(400)
        }
    }

    private func resign() async -> HTTPReply {
        do {
            try await leadership.resign(deadlineNanos: resignTimeoutNanos)
            return Self.succeeded
        } catch {
            logger.error("could not resign", metadata: ["error": "\(error)"])
            return Self.failure(500)
        }
    }

    private var ready: HTTPReply {
        if let problem = problem() { return .text("not ready: \(problem)\n", status: 503) }
        return .text("ready\n")
    }

    private static let succeeded = reply("{\"state\":\"OK\"}", 200)

    /// M3 encodes no error text: the body of every failure is null.
    private static func failure(_ status: Int) -> HTTPReply { reply("null", status) }

    private static func status(_ status: AggregatorFlushStatus) -> HTTPReply {
        reply(
            "{\"status\":{\"flushStatus\":{\"electionState\":\"\(status.role.rawValue)\",\"canLead\":\(status.canLead)}}}",
            200)
    }

    private static func reply(_ json: String, _ status: Int) -> HTTPReply {
        .json(Array((json + "\n").utf8), status: status)
    }
}
