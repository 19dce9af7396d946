import Metrics
import Query
import Storage
import Transport

/// Which namespaces a read looks at, as its headers say. Source: `docs/http-api.md`, Choosing a namespace.
public enum ReadScope: Sendable, Equatable {
    /// All of them; of equal labels the best namespace that covers the range. Without headers.
    case all
    /// `M3-Metrics-Type: unaggregated`, or `M3-Storage-Policy: 10s:2d`.
    case only(Namespace)

    /// Reads `M3-Metrics-Type` and `M3-Storage-Policy`.
    /// - Throws: ``Query/QueryError`` of kind `badData` that names the header.
    public init(headers: HTTPHeaders) throws(QueryError) {
        let policy = headers["M3-Storage-Policy"] ?? ""
        switch headers["M3-Metrics-Type"] ?? "" {
        case "" where policy.isEmpty:
            self = .all
        case "unaggregated":
            guard policy.isEmpty else {
                throw QueryError(
                    .badData,
                    "header M3-Storage-Policy '\(policy)' cannot go with M3-Metrics-Type unaggregated: leave one out")
            }
            self = .only(.unaggregated)
        case "aggregated" where policy.isEmpty:
            throw QueryError(
                .badData, "header M3-Metrics-Type aggregated needs M3-Storage-Policy: add a policy such as 10s:2d")
        case "", "aggregated":
            do {
                self = .only(.aggregated(try StoragePolicy(parsing: policy)))
            } catch {
                throw QueryError(.badData, "header M3-Storage-Policy: \(error.description)")
            }
        case let other:
            throw QueryError(
                .badData, "header M3-Metrics-Type '\(other.prefix(100))' is unknown: unaggregated or aggregated")
        }
    }
}
