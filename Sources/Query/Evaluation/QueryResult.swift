import Metrics

/// What a query evaluates to.
public enum QueryResult: Sendable, Equatable {
    /// One sample of each series, all at the time of the evaluation; `timestamps` and `values` hold one element each.
    case vector([QuerySeries])
    case matrix([QuerySeries])
    /// A number that belongs to no series, at the time of the evaluation.
    case scalar(timeMillis: Int64, Double)

    /// None for a scalar.
    public var series: [QuerySeries] {
        switch self {
        case .vector(let series), .matrix(let series): series
        case .scalar: []
        }
    }
}
