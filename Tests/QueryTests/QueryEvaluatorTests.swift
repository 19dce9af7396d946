import Metrics
import Testing

@testable import Query

/// Series held in memory: what the evaluator asks a source for.
struct MemorySource: SeriesSource {
    var stored: [QuerySeries]

    func select(matchers: [LabelMatcher], in range: TimeRange, limits: QueryLimits) async throws -> [QuerySeries] {
        stored.filter { series in matchers.allSatisfy { Self.accepts($0, series.labels) } }.map { series in
            let kept = series.timestamps.indices.filter {
                series.timestamps[$0] >= range.startMillis && series.timestamps[$0] <= range.endMillis
            }
            return QuerySeries(
                labels: series.labels, timestamps: kept.map { series.timestamps[$0] },
                values: kept.map { series.values[$0] })
        }
    }

    func series(selectors: [[LabelMatcher]], in range: TimeRange, limits: QueryLimits) async throws -> [Labels] { [] }

    func labelNames(
        selectors: [[LabelMatcher]], in range: TimeRange, limits: QueryLimits
    ) async throws -> [String] { [] }

    func labelValues(
        of name: String, selectors: [[LabelMatcher]], in range: TimeRange, limits: QueryLimits
    ) async throws -> [String] { [] }

    /// Equality only: the tests of storage try the other kinds.
    private static func accepts(_ matcher: LabelMatcher, _ labels: Labels) -> Bool {
        (labels[matcher.name] ?? "") == matcher.value
    }
}

@Suite struct QueryEvaluatorTests {
    private static let stale = Double(bitPattern: QueryEvaluator.staleMarkerBits)

    /// `name: time=value …`, times in seconds.
    private func series(_ name: String, _ points: [(Int64, Double)]) throws -> QuerySeries {
        QuerySeries(
            labels: try Labels([("__name__", name)]), timestamps: points.map { $0.0 * 1000 }, values: points.map(\.1))
    }

    private func evaluator(_ points: [(Int64, Double)], limits: QueryLimits = QueryLimits()) throws -> QueryEvaluator {
        QueryEvaluator(source: MemorySource(stored: [try series("up", points)]), limits: limits)
    }

    private let up = PromQLExpression.vectorSelector([LabelMatcher(.equal, name: "__name__", value: "up")])
    private let upRange = PromQLExpression.matrixSelector(
        [LabelMatcher(.equal, name: "__name__", value: "up")], rangeMillis: 60_000)

    private func text(_ result: QueryResult) -> String {
        result.series.map { series in
            zip(series.timestamps, series.values).map { "\($0 / 1000)=\(NumberFormat.string($1))" }
                .joined(separator: " ")
        }.joined(separator: "; ")
    }

    @Test(arguments: [
        (99, ""), (100, "100=1"), (159, "159=1"), (160, "160=2"), (459, "459=2"), (460, ""),
    ])
    func looksBackFiveMinutes(seconds: Int64, expected: String) async throws {
        let result = try await evaluator([(100, 1), (160, 2)]).instant(up, at: seconds * 1000)
        #expect(text(result) == expected)
    }

    @Test(arguments: [(119, "119=1"), (120, ""), (179, ""), (180, "180=3")])
    func aStaleMarkerEndsASeries(seconds: Int64, expected: String) async throws {
        let result = try await evaluator([(100, 1), (120, Self.stale), (180, 3)]).instant(up, at: seconds * 1000)
        #expect(text(result) == expected)
    }

    @Test func ordinaryNaNIsAValue() async throws {
        let result = try await evaluator([(100, 1), (110, .nan)]).instant(up, at: 115_000)
        #expect(text(result) == "115=NaN")
    }

    @Test func rangesStepThroughTime() async throws {
        let points: [(Int64, Double)] = [(0, 1), (15, 2), (30, Self.stale), (60, 4)]
        let result = try await evaluator(points).range(up, from: 0, to: 65_000, step: 10_000)
        #expect(text(result) == "0=1 10=1 20=2 60=4")
        let one = try await evaluator(points).range(up, from: 60_000, to: 60_000, step: 10_000)
        #expect(text(one) == "60=4")
    }

    @Test func aRangeSelectorGivesSamplesAsTheyAre() async throws {
        let points: [(Int64, Double)] = [(40, 1), (41, 2), (70, Self.stale), (90, .nan), (100, 5), (101, 6)]
        let result = try await evaluator(points).instant(upRange, at: 100_000)
        #expect(text(result) == "41=2 90=NaN 100=5")
        guard case .matrix = result else {
            Issue.record("a range selector must give a matrix")
            return
        }
    }

    @Test func seriesAreSortedByLabels() async throws {
        let names: [[(name: String, value: String)]] = [
            [("a", "10"), ("b", "1")], [("a", "1")], [("a", "9")], [("aa", "1")], [("a", "10")],
        ]
        let source = MemorySource(
            stored: try names.map { QuerySeries(labels: try Labels($0), timestamps: [1000], values: [1]) })
        let all = PromQLExpression.vectorSelector([LabelMatcher(.equal, name: "none", value: "")])
        let result = try await QueryEvaluator(source: source).instant(all, at: 1000)
        #expect(
            result.series.map { $0.labels.description } == [
                #"{a="1"}"#, #"{a="10"}"#, #"{a="10", b="1"}"#, #"{a="9"}"#, #"{aa="1"}"#,
            ])
    }

    @Test func refusesWhatExceedsTheLimits() async throws {
        let evaluator = try evaluator([(0, 1)])
        _ = try await evaluator.range(up, from: 0, to: 11_000_000, step: 1000)
        let points = await #expect(throws: QueryError.self) {
            try await evaluator.range(up, from: 0, to: 11_001_000, step: 1000)
        }
        #expect(
            points?.message == "exceeded maximum resolution of 11000 points per timeseries. "
                + "Try decreasing the query resolution (?step=XX)")
        #expect(points?.kind == .badData)
        var limits = QueryLimits()
        limits.maxSamples = 3
        let few = try self.evaluator([(0, 1), (1, 2), (2, 3), (3, 4)], limits: limits)
        let samples = await #expect(throws: QueryError.self) { try await few.instant(upRange, at: 3000) }
        #expect(samples?.kind == .execution)
        limits = QueryLimits()
        limits.maxSeries = 1
        let two = QueryEvaluator(
            source: MemorySource(stored: [try series("up", [(0, 1)]), try series("up", [(0, 2)])]), limits: limits)
        let many = await #expect(throws: QueryError.self) { try await two.instant(up, at: 0) }
        #expect(many?.message.contains("2 series, more than the limit of 1") == true)
    }

    @Test(arguments: [(10, 5, 1, "end"), (0, 10, 0, "step"), (0, 10, -1, "step")])
    func refusesWrongRanges(start: Int64, end: Int64, step: Int64, parameter: String) async throws {
        let evaluator = try evaluator([(0, 1)])
        let error = await #expect(throws: QueryError.self) {
            try await evaluator.range(up, from: start, to: end, step: step)
        }
        #expect(error?.message.hasPrefix("invalid parameter \"\(parameter)\"") == true)
    }

    @Test func farTimesDoNotOverflow() async throws {
        let evaluator = try evaluator([(0, 1)])
        for time in [Int64.min, Int64.max, TimeRange.all.startMillis, TimeRange.all.endMillis] {
            _ = try? await evaluator.instant(up, at: time)
            _ = try? await evaluator.range(up, from: time, to: time, step: Int64.max)
        }
        let all = TimeRange.all
        _ = try? await evaluator.range(up, from: all.startMillis, to: all.endMillis, step: Int64.max / 8)
    }

    @Test func otherPromQLPointsToRemoteRead() async throws {
        let evaluator = try evaluator([(0, 1)])
        let expression = try PromQLExpression(parsing: "rate(up[5m])")
        let instant = await #expect(throws: QueryError.self) { try await evaluator.instant(expression, at: 0) }
        #expect(instant?.httpStatus == 422)
        #expect(instant?.message.hasPrefix("the function rate is not supported yet: only series selectors") == true)
        #expect(instant?.message.contains("remote_read") == true)
        let range = await #expect(throws: QueryError.self) {
            try await evaluator.range(expression, from: 0, to: 10, step: 1)
        }
        #expect(range?.httpStatus == 422)
    }

    @Test func aRangeQueryTakesNoRangeSelector() async throws {
        let evaluator = try evaluator([(0, 1)])
        let error = await #expect(throws: QueryError.self) {
            try await evaluator.range(upRange, from: 0, to: 10, step: 1)
        }
        #expect(error?.httpStatus == 400)
    }
}
