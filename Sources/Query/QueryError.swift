/// Why a query has no answer, in the classes that Prometheus' HTTP API knows.
public struct QueryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The `errorType` of the answer.
    public enum Kind: String, Sendable {
        /// The request is wrong: HTTP 400.
        case badData = "bad_data"
        /// The request is right, but cannot be carried out: HTTP 422.
        case execution
        /// What the request names does not exist: HTTP 404.
        case notFound = "not_found"
        /// It took too long: HTTP 503.
        case timeout
        /// The server has too much to do, or is stopping: HTTP 503.
        case unavailable
        /// The server failed: HTTP 500.
        case `internal`
    }

    public var kind: Kind
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// A wrong parameter of a request.
    public static func parameter(_ name: String, _ reason: String) -> QueryError {
        QueryError(.badData, "invalid parameter \"\(name)\": \(reason)")
    }

    /// PromQL that is valid, but more than a series selector or a constant.
    public static func unsupported(_ what: String) -> QueryError {
        QueryError(
            .execution,
            "\(what) not supported yet: only series selectors such as up{job=\"api\"} or up[5m], and numbers, are evaluated "
                + "here. "
                + "A Prometheus whose remote_read points at /api/v1/prom/remote/read evaluates all of PromQL on this data"
        )
    }

    public var httpStatus: Int {
        switch kind {
        case .badData: 400
        case .execution: 422
        case .notFound: 404
        case .timeout, .unavailable: 503
        case .internal: 500
        }
    }

    public var description: String { message }
}
