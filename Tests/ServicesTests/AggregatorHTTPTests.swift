import Synchronization
import Telemetry
import TestKit
import Testing
import Transport

@testable import Services

/// A leadership that is what the test says.
private final class FixedLeadership: AggregatorLeadership {
    let current: Mutex<AggregatorFlushStatus>
    let resignations = Mutex<[Int64]>([])
    let isResignable: Bool

    init(_ role: AggregatorFlushStatus.Role, canLead: Bool, isResignable: Bool = true) {
        current = Mutex(AggregatorFlushStatus(role: role, canLead: canLead))
        self.isResignable = isResignable
    }

    var status: AggregatorFlushStatus { current.withLock { $0 } }

    func resign(deadlineNanos: Int64) async throws {
        resignations.withLock { $0.append(deadlineNanos) }
        if !isResignable { throw ResignTimeout() }
        current.withLock { $0 = AggregatorFlushStatus(role: .follower, canLead: false) }
    }
}

@Suite struct AggregatorHTTPTests {
    private func router(
        _ leadership: any AggregatorLeadership, problem: String? = nil, metricsPath: String? = nil
    ) -> HTTPRouter {
        AggregatorHTTP(
            leadership: leadership, resignTimeoutNanos: 17, problem: { problem }, registry: Registry(),
            metricsPath: metricsPath, logger: quiet
        ).router
    }

    private func send(_ method: String, _ path: String, to router: HTTPRouter) async throws -> (
        status: Int, type: String?, body: String
    ) {
        let reply = await router.respond(to: try HTTPRequest(method: method, target: path)).reply
        return (reply.status, reply.headers["Content-Type"], String(decoding: reply.body, as: UTF8.self))
    }

    @Test func theBodiesAreM3s() async throws {
        let router = router(SoleLeader())
        for (method, path, body) in [
            ("GET", "/health", "{\"state\":\"OK\"}\n"), ("get", "/health", "{\"state\":\"OK\"}\n"),
            ("POST", "/resign", "{\"state\":\"OK\"}\n"),
            ("GET", "/status", "{\"status\":{\"flushStatus\":{\"electionState\":\"leader\",\"canLead\":true}}}\n"),
        ] {
            let answer = try await send(method, path, to: router)
            #expect(answer.status == 200, "\(method) \(path)")
            #expect(answer.type == "application/json")
            #expect(answer.body == body)
        }
    }

    @Test(arguments: ["PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"]) func otherMethodsGet400AndNull(method: String)
        async throws
    {
        let leadership = FixedLeadership(.leader, canLead: true)
        let router = router(leadership)
        for (path, own) in [("/health", "POST"), ("/resign", "GET"), ("/status", "POST")] {
            for method in [method, own] {
                let answer = try await send(method, path, to: router)
                #expect(answer.status == 400, "\(method) \(path)")
                #expect(answer.type == "application/json")
                #expect(answer.body == "null\n")
            }
        }
        #expect(leadership.resignations.withLock { $0.isEmpty })
    }

    @Test func theStatusFollowsTheLeadership() async throws {
        let leadership = FixedLeadership(.leader, canLead: true)
        let router = router(leadership)
        #expect(try await send("POST", "/resign", to: router).status == 200)
        #expect(leadership.resignations.withLock { $0 } == [17])
        let answer = try await send("GET", "/status", to: router)
        #expect(
            answer.body == "{\"status\":{\"flushStatus\":{\"electionState\":\"follower\",\"canLead\":false}}}\n")
    }

    @Test func aResignationThatFailsIs500AndNull() async throws {
        let router = router(FixedLeadership(.leader, canLead: true, isResignable: false))
        let answer = try await send("POST", "/resign", to: router)
        #expect(answer.status == 500)
        #expect(answer.type == "application/json")
        #expect(answer.body == "null\n")
    }

    @Test func readinessNamesWhatIsMissing() async throws {
        #expect(try await send("GET", "/ready", to: router(SoleLeader())).status == 200)
        let waiting = try await send("GET", "/ready", to: router(SoleLeader(), problem: "waiting for the placement"))
        #expect(waiting.status == 503)
        #expect(waiting.body == "not ready: waiting for the placement\n")
    }

    @Test func metricsAreAtTheirPlaceAndAtTheConfiguredOne() async throws {
        let router = router(SoleLeader(), metricsPath: "/prom")
        for path in ["/metrics", "/prom"] { #expect(try await send("GET", path, to: router).status == 200) }
    }
}
