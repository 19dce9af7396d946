import Telemetry
import Transport

/// One thing that has to be up before requests make sense.
public struct ReadinessCheck: Sendable, Equatable {
    /// Such as `storage` or `aggregator_ingest`.
    public var name: String
    /// nil when it is ready, else why it is not.
    public var problem: String?
    /// What is wrong although requests are served, such as changed rules that were refused; shown, never the reason for
    /// a 503.
    public var warning: String?

    public init(name: String, problem: String? = nil, warning: String? = nil) {
        self.name = name
        self.problem = problem
        self.warning = warning
    }
}

/// Health, readiness and metrics.
extension CoordinatorAPI {
    func addOperations(to router: inout HTTPRouter) {
        router.get("/health") { _, _ in health() }
        router.get("/-/healthy") { _, _ in .text("m3agg is healthy.\n") }
        router.get("/ready") { _, _ in Self.ready(await readiness()) }
        router.get("/-/ready") { _, _ in
            let problems = await readiness().filter { $0.problem != nil }
            if problems.isEmpty { return .text("m3agg is ready.\n") }
            let names = problems.map(\.name).joined(separator: ", ")
            return .text("m3agg is not ready: \(names)\n", status: 503)
        }
        router.get("/metrics") { [registry] _, _ in Self.metrics(registry) }
    }

    /// What Prometheus scrapes.
    public static func metrics(_ registry: Registry) -> HTTPReply {
        HTTPReply(
            status: 200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
            body: Array(registry.exposition().utf8))
    }

    private func health() -> HTTPReply {
        let now = nowNanos()
        let uptime = max(0, now - startNanos)
        return .json(
            Array(
                "{\"ok\":true,\"uptime\":\"\(uptime / 1_000_000_000)s\",\"now\":\"\(UTCTime.text(nanos: now))\"}".utf8))
    }

    /// `{"ready":…,"checks":[…]}`; 503 unless all checks pass.
    public static func ready(_ checks: [ReadinessCheck]) -> HTTPReply {
        let isReady = checks.allSatisfy { $0.problem == nil }
        let list = checks.map { check in
            let problem = check.problem.map { ",\"problem\":\(HTTPReply.quoted($0))" } ?? ""
            let warning = check.warning.map { ",\"warning\":\(HTTPReply.quoted($0))" } ?? ""
            return "{\"name\":\(HTTPReply.quoted(check.name)),\"ready\":\(check.problem == nil)\(problem)\(warning)}"
        }
        return .json(
            Array("{\"ready\":\(isReady),\"checks\":[\(list.joined(separator: ","))]}".utf8),
            status: isReady ? 200 : 503)
    }
}
