import Metrics

/// Evaluates series selectors and constants at an instant or over a range. Times are milliseconds since 1970.
///
/// At each time a series has the value of its newest sample that is at most the look-back old (exactly that old is
/// too old, as in Prometheus 3), unless that sample is a stale marker. Source: `docs/http-api.md`.
public struct QueryEvaluator: Sendable {
    /// The NaN by which Prometheus says that a series has ended.
    public static let staleMarkerBits: UInt64 = 0x7ff0_0000_0000_0002

    public let source: any SeriesSource
    public let limits: QueryLimits

    public init(source: any SeriesSource, limits: QueryLimits = QueryLimits()) {
        self.source = source
        self.limits = limits
    }

    /// Evaluates at one time. A range selector gives all its samples, except stale markers.
    /// - Throws: ``QueryError``, of kind `execution` for all other PromQL.
    public func instant(_ expression: PromQLExpression, at time: Int64) async throws -> QueryResult {
        switch expression {
        case .vectorSelector(let matchers):
            let found = try await read(matchers, from: time, lookback: limits.lookbackMillis, to: time)
            return .vector(
                found.compactMap { series in
                    let points = Self.steps(of: series, from: time, to: time, step: 1, lookback: limits.lookbackMillis)
                    return points.timestamps.isEmpty ? nil : points
                })
        case .matrixSelector(let matchers, let range):
            let found = try await read(matchers, from: time, lookback: range, to: time)
            return .matrix(found.compactMap { Self.samples(of: $0, after: time &- range, to: time) })
        case .scalar(let value):
            return .scalar(timeMillis: time, value)
        case .constantVector(let value):
            return .vector([QuerySeries(labels: .empty, timestamps: [time], values: [value])])
        case .other(let what):
            throw QueryError.unsupported(what)
        }
    }

    /// Evaluates at `start`, `start + step` … up to `end`.
    /// - Throws: ``QueryError`` for more than the permitted points per series, for a step that is not positive, an end
    ///   before the start, a range selector, and of kind `execution` for all other PromQL.
    public func range(
        _ expression: PromQLExpression, from start: Int64, to end: Int64, step: Int64
    ) async throws -> QueryResult {
        guard end >= start else { throw QueryError.parameter("end", "end timestamp must not be before start time") }
        guard step > 0 else {
            throw QueryError.parameter(
                "step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
        }
        let span = end.subtractingReportingOverflow(start)
        guard !span.overflow, span.partialValue / step <= limits.maxPointsPerSeries else {
            throw QueryError(
                .badData,
                "exceeded maximum resolution of \(limits.maxPointsPerSeries) points per timeseries. Try decreasing the "
                    + "query resolution (?step=XX)")
        }
        switch expression {
        case .vectorSelector(let matchers):
            let found = try await read(matchers, from: start, lookback: limits.lookbackMillis, to: end)
            var result: [QuerySeries] = []
            var samples = 0
            for series in found {
                let points = Self.steps(of: series, from: start, to: end, step: step, lookback: limits.lookbackMillis)
                if points.timestamps.isEmpty { continue }
                samples += points.timestamps.count
                guard samples <= limits.maxSamples else { throw tooManySamples() }
                result.append(points)
            }
            return .matrix(result)
        case .scalar(let value), .constantVector(let value):
            let times = Array(stride(from: start, through: end, by: Int64.Stride(step)))
            return .matrix([
                QuerySeries(labels: .empty, timestamps: times, values: Array(repeating: value, count: times.count))
            ])
        case .matrixSelector:
            throw QueryError.parameter(
                "query", "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector")
        case .other(let what):
            throw QueryError.unsupported(what)
        }
    }

    private func read(
        _ matchers: [LabelMatcher], from start: Int64, lookback: Int64, to end: Int64
    ) async throws -> [QuerySeries] {
        let earliest = start.subtractingReportingOverflow(lookback - 1)
        guard !earliest.overflow else { throw QueryError(.badData, "the time range starts too far in the past") }
        let range = TimeRange(startMillis: earliest.partialValue, endMillis: end)
        let series = try await source.select(matchers: matchers, in: range, limits: limits)
        guard series.count <= limits.maxSeries else {
            throw QueryError(
                .execution,
                "the query selects \(series.count) series, more than the limit of \(limits.maxSeries): add matchers")
        }
        guard series.reduce(0, { $0 + $1.timestamps.count }) <= limits.maxSamples else { throw tooManySamples() }
        return series.sorted { LabelOrder.precedes($0.labels, $1.labels) }
    }

    private func tooManySamples() -> QueryError {
        QueryError(
            .execution,
            "query processing would load too many samples into memory: more than \(limits.maxSamples); select fewer "
                + "series, a shorter range or a larger step")
    }

    /// One sweep over samples and steps, both in order of time.
    static func steps(of series: QuerySeries, from start: Int64, to end: Int64, step: Int64, lookback: Int64)
        -> QuerySeries
    {
        var result = QuerySeries(labels: series.labels, timestamps: [], values: [])
        let count = min(series.timestamps.count, series.values.count)
        var next = 0
        var time = start
        while time <= end {
            while next < count, series.timestamps[next] <= time { next += 1 }
            if next > 0, time.subtractingReportingOverflow(series.timestamps[next - 1]).partialValue < lookback,
                series.values[next - 1].bitPattern != staleMarkerBits
            {
                result.timestamps.append(time)
                result.values.append(series.values[next - 1])
            }
            let following = time.addingReportingOverflow(step)
            if following.overflow { break }
            time = following.partialValue
        }
        return result
    }

    private static func samples(of series: QuerySeries, after start: Int64, to end: Int64) -> QuerySeries? {
        var result = QuerySeries(labels: series.labels, timestamps: [], values: [])
        for (time, value) in zip(series.timestamps, series.values)
        where time > start && time <= end && value.bitPattern != staleMarkerBits {
            result.timestamps.append(time)
            result.values.append(value)
        }
        return result.timestamps.isEmpty ? nil : result
    }
}
