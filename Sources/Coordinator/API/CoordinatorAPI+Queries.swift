import Metrics
import Query
import Transport

/// Prometheus' query endpoints.
extension CoordinatorAPI {
    func instantQuery(_ request: HTTPRequest) async throws -> HTTPReply {
        let expression = try PromQLExpression(parsing: try required("query", of: request))
        let time = try request.parameters.first("time").map { text throws(QueryError) in
            try QueryParameters.time(text, parameter: "time")
        }
        let evaluator = try evaluator(for: request)
        let now = nowNanos() / 1_000_000
        return try await withTimeout(of: request) {
            .json(PrometheusJSON.render(try await evaluator.instant(expression, at: time ?? now)))
        }
    }

    func rangeQuery(_ request: HTTPRequest) async throws -> HTTPReply {
        let start = try QueryParameters.time(try required("start", of: request), parameter: "start")
        let end = try QueryParameters.time(try required("end", of: request), parameter: "end")
        let step = try QueryParameters.duration(try required("step", of: request), parameter: "step")
        let expression = try PromQLExpression(parsing: try required("query", of: request))
        let evaluator = try evaluator(for: request)
        return try await withTimeout(of: request) {
            .json(PrometheusJSON.render(try await evaluator.range(expression, from: start, to: end, step: step)))
        }
    }

    func series(_ request: HTTPRequest) async throws -> HTTPReply {
        let selectors = try selectors(of: request)
        guard !selectors.isEmpty else {
            throw QueryError.parameter("match[]", "at least one series selector is needed")
        }
        let (source, range, limit) = try listing(request)
        return try await withTimeout(of: request) {
            let found = try await source.series(selectors: selectors, in: range, limits: options.limits)
            return .json(PrometheusJSON.render(found.sorted(by: LabelOrder.precedes), limit: limit))
        }
    }

    func labelNames(_ request: HTTPRequest) async throws -> HTTPReply {
        let selectors = try selectors(of: request)
        let (source, range, limit) = try listing(request)
        return try await withTimeout(of: request) {
            let names = try await source.labelNames(selectors: selectors, in: range, limits: options.limits)
            return .json(PrometheusJSON.render(names, limit: limit))
        }
    }

    func labelValues(_ request: HTTPRequest, of name: String) async throws -> HTTPReply {
        let selectors = try selectors(of: request)
        let (source, range, limit) = try listing(request)
        return try await withTimeout(of: request) {
            let values = try await source.labelValues(of: name, selectors: selectors, in: range, limits: options.limits)
            return .json(PrometheusJSON.render(values, limit: limit))
        }
    }

    private func required(_ name: String, of request: HTTPRequest) throws(QueryError) -> String {
        guard let text = request.parameters.first(name) else { throw .parameter(name, "it is missing") }
        return text
    }

    private func selectors(of request: HTTPRequest) throws(QueryError) -> [[Query.LabelMatcher]] {
        try request.parameters.all("match[]").map { text throws(QueryError) in
            try PromQLExpression.selector(parsing: text, parameter: "match[]")
        }
    }

    private func evaluator(for request: HTTPRequest) throws(QueryError) -> QueryEvaluator {
        QueryEvaluator(source: try source(try ReadScope(headers: request.headers)), limits: options.limits)
    }

    private func listing(
        _ request: HTTPRequest
    ) throws(QueryError) -> (source: any SeriesSource, range: Query.TimeRange, limit: Int) {
        let parameters = request.parameters
        let range = try QueryParameters.range(start: parameters.first("start"), end: parameters.first("end"))
        let text = parameters.first("limit") ?? "0"
        guard let limit = Int(text), limit >= 0 else {
            throw .parameter("limit", "'\(text.prefix(100))' is no whole number from 0 on")
        }
        return (try source(try ReadScope(headers: request.headers)), range, limit)
    }

    /// Gives up after the parameter `timeout` or the configured time, whichever is shorter.
    private func withTimeout(
        of request: HTTPRequest, _ body: @escaping @Sendable () async throws -> HTTPReply
    ) async throws -> HTTPReply {
        var nanos = options.queryTimeoutNanos
        if let text = request.parameters.first("timeout") {
            let millis = try QueryParameters.duration(text, parameter: "timeout")
            guard millis > 0 else { throw QueryError.parameter("timeout", "'\(text.prefix(100))' is not positive") }
            nanos = min(nanos, millis.multipliedReportingOverflow(by: 1_000_000).overflow ? .max : millis * 1_000_000)
        }
        return try await Self.withTimeout(nanos: nanos, body)
    }

    /// - Throws: ``Query/QueryError`` of kind `timeout` when the time is over; `body` is cancelled then.
    static func withTimeout(
        nanos: Int64, _ body: @escaping @Sendable () async throws -> HTTPReply
    ) async throws -> HTTPReply {
        try await withThrowingTaskGroup(of: HTTPReply.self) { group in
            group.addTask(operation: body)
            group.addTask {
                try await Task.sleep(for: .nanoseconds(nanos))
                throw QueryError(.timeout, "query timed out after \(Double(nanos) / 1e9) s")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }
}
