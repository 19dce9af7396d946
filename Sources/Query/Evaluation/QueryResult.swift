import Metrics

/// What a query evaluates to.
public enum QueryResult: Sendable, Equatable {
    /// One sample of each series, all at the time of the evaluation; `timestamps` and `values` hold one element each.
    case vector([QuerySeries])
    case matrix([QuerySeries])

    public var series: [QuerySeries] {
        switch self {
        case .vector(let series), .matrix(let series): series
        }
    }
}
