import Metrics
import Testing

@testable import Query

/// Numbers in the query itself: Grafana tries a new data source with `1+1`.
@Suite struct ConstantTests {
    private let evaluator = QueryEvaluator(source: MemorySource(stored: []))

    @Test(arguments: [
        ("1+1", "2"), ("1", "1"), ("0x1F", "31"), ("1e-3", "0.001"), (".5", "0.5"), ("Inf", "+Inf"), ("NaN", "NaN"),
        ("5m", "300"), ("500ms", "0.5"), ("1+-1", "0"), ("-1", "-1"), ("+3", "3"), ("--2", "2"), ("2 - 3 - 4", "-5"),
        ("2 + 3 * 4", "14"), ("(2 + 3) * 4", "20"), ("2 ^ 3 ^ 2", "512"), ("(2 ^ 3) ^ 2", "64"), ("-2 ^ 2", "-4"),
        ("2 ^ -1", "0.5"), ("7 / 2", "3.5"), ("1 / 0", "+Inf"), ("-1 / 0", "-Inf"), ("0 / 0", "NaN"), ("7 % 3", "1"),
        ("-7 % 3", "-1"), ("7 % -3", "1"), ("5.5 % 2", "1.5"), ("1 % 0", "NaN"), ("3 * 4 % 5", "2"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1 ^ NaN", "1"), ("1 # one\n + 2", "3"), ("((((7))))", "7"),
    ])
    func areEvaluatedAsPrometheusDoes(query: String, value: String) async throws {
        let result = try await evaluator.instant(try PromQLExpression(parsing: query), at: 1_435_781_430_781)
        #expect(
            String(decoding: PrometheusJSON.render(result), as: UTF8.self)
                == #"{"status":"success","data":{"resultType":"scalar","result":[1435781430.781,"\#(value)"]}}"#)
    }

    @Test func overARangeEachStepHasThem() async throws {
        for query in ["1+1", "vector(2)"] {
            let result = try await evaluator.range(
                try PromQLExpression(parsing: query), from: 1_000, to: 3_500, step: 1_000)
            #expect(
                String(decoding: PrometheusJSON.render(result), as: UTF8.self)
                    == #"{"status":"success","data":{"resultType":"matrix","result":["#
                    + #"{"metric":{},"values":[[1,"2"],[2,"2"],[3,"2"]]}]}}"#)
        }
    }

    @Test func vectorMakesASeriesWithoutLabels() async throws {
        let result = try await evaluator.instant(try PromQLExpression(parsing: "vector(-(1 + 2))"), at: 0)
        #expect(result == .vector([QuerySeries(labels: .empty, timestamps: [0], values: [-3])]))
    }

    @Test(arguments: [
        ("vector()", "1:1: parse error: expected 1 argument(s) in call to \"vector\", got 0"),
        ("vector(1, 2)", "1:1: parse error: expected 1 argument(s) in call to \"vector\", got 2"),
        ("vector(up)", "1:1: parse error: expected type scalar in call to function \"vector\", got a vector"),
        ("vector(vector(1))", "1:1: parse error: expected type scalar in call to function \"vector\", got a vector"),
        ("1[5m]", "1:3: parse error: ranges only allowed for vector selectors"),
        ("1 + bool 1", "1:5: parse error: bool modifier can only be used on comparison operators"),
        ("1 + on(a) 1", "1:5: parse error: vector matching only allowed between instant vectors"),
        ("1 * ", "1:5: parse error: unexpected end of input"),
        ("(1", "1:3: parse error: unexpected end of input in parenthesised expression, expected \")\""),
    ])
    func errorsNameThePlace(query: String, message: String) throws {
        let error = #expect(throws: QueryError.self) { try PromQLExpression(parsing: query) }
        #expect(error == .parameter("query", message))
    }

    @Test func areNoSelectors() {
        for text in ["1", "vector(1)"] {
            #expect(throws: QueryError.self) { try PromQLExpression.selector(parsing: text, parameter: "match[]") }
        }
    }
}
