import Metrics
import Testing

@testable import Query

@Suite struct RenderingTests {
    @Test(arguments: [
        (0, "0"), (-0.0, "-0"), (1, "1"), (-1, "-1"), (0.1, "0.1"), (-0.25, "-0.25"), (3.14159, "3.14159"),
        (100, "100"), (1e6, "1000000"), (123456789.125, "123456789.125"), (1e15, "1000000000000000"),
        (9_007_199_254_740_992, "9007199254740992"), (1e20, "100000000000000000000"),
        (123_456_789_012_345_683_968, "123456789012345680000"), (1e21, "1e+21"), (1.5e21, "1.5e+21"), (1e100, "1e+100"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (1e-6, "0.000001"), (1.5e-6, "0.0000015"),
        (9.99e-7, "9.99e-07"), (1e-7, "1e-07"), (5e-324, "5e-324"),
        (2.2250738585072014e-308, "2.2250738585072014e-308"),
        (0.30000000000000004, "0.30000000000000004"), (1.0 / 3, "0.3333333333333333"), (.nan, "NaN"),
        (.infinity, "+Inf"), (-.infinity, "-Inf"), (2251799813685248.5, "2251799813685248.5"),
        (0.00001234, "0.00001234"),
    ])
    func writesFloatsAsPrometheus(value: Double, text: String) {
        #expect(NumberFormat.string(value) == text)
    }

    @Test func floatsReadBackTheSame() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let value = Double(bitPattern: UInt64.random(in: .min ... .max, using: &generator))
            guard value.isFinite else { continue }
            #expect(Double(NumberFormat.string(value))?.bitPattern == value.bitPattern)
        }
    }

    @Test(arguments: [
        (0, "0"), (1_435_781_430_781, "1435781430.781"), (1_435_781_430_000, "1435781430"), (1_500, "1.500"),
        (1_005, "1.005"), (50, "0.050"), (-1, "-0.001"), (-2_000, "-2"),
    ])
    func writesTimesInSeconds(millis: Int64, text: String) {
        var out: [UInt8] = []
        NumberFormat.append(millisAsSeconds: millis, to: &out)
        #expect(String(decoding: out, as: UTF8.self) == text)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func vectors() throws {
        let series = QuerySeries(
            labels: try Labels([("job", "a\"b\\c\n\u{1}é"), ("__name__", "up")]), timestamps: [1_500], values: [0.5])
        #expect(
            text(PrometheusJSON.render(.vector([series, series])))
                == #"{"status":"success","data":{"resultType":"vector","result":["#
                + #"{"metric":{"__name__":"up","job":"a\"b\\c\n\u0001é"},"value":[1.500,"0.5"]},"#
                + #"{"metric":{"__name__":"up","job":"a\"b\\c\n\u0001é"},"value":[1.500,"0.5"]}]}}"#)
    }

    @Test func matrices() throws {
        let series = QuerySeries(labels: .empty, timestamps: [0, 1_000], values: [.nan, -.infinity])
        #expect(
            text(PrometheusJSON.render(.matrix([series])))
                == #"{"status":"success","data":{"resultType":"matrix","result":["#
                + #"{"metric":{},"values":[[0,"NaN"],[1,"-Inf"]]}]}}"#)
        #expect(
            text(PrometheusJSON.render(.matrix([])))
                == #"{"status":"success","data":{"resultType":"matrix","result":[]}}"#)
    }

    @Test func labelsThatAreNoUnicode() throws {
        let labels = try Labels(bytePairs: [(name: Array("a".utf8), value: [0x61, 0xff, 0x62])])
        #expect(text(PrometheusJSON.render([labels])) == "{\"status\":\"success\",\"data\":[{\"a\":\"a\u{FFFD}b\"}]}")
    }

    @Test func namesAndErrors() {
        #expect(text(PrometheusJSON.render(["a", "b"])) == #"{"status":"success","data":["a","b"]}"#)
        #expect(
            text(PrometheusJSON.render(["a", "b", "c"], limit: 2))
                == #"{"status":"success","data":["a","b"],"warnings":["results truncated due to limit"]}"#)
        #expect(text(PrometheusJSON.render([String]())) == #"{"status":"success","data":[]}"#)
        #expect(
            text(PrometheusJSON.render(QueryError.parameter("time", "no")))
                == #"{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": no"}"#)
    }
}

@Suite struct QueryParametersTests {
    @Test(arguments: [
        ("0", 0), ("1435781430.781", 1_435_781_430_781), ("-1.5", -1500), ("1e3", 1_000_000),
        ("1970-01-01T00:00:00Z", 0), ("2015-07-01T20:10:30.781Z", 1_435_781_430_781),
        ("2015-07-01T22:10:30.7819+02:00", 1_435_781_430_781), ("2015-07-01t20:10:30z", 1_435_781_430_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000), ("1969-12-31T23:59:59.999Z", -1),
        ("1960-03-01T00:00:00-00:30", -310_433_400_000), ("2024-12-31T23:59:59Z", 1_735_689_599_000),
    ])
    func readsTimes(text: String, millis: Int64) throws {
        #expect(try QueryParameters.time(text, parameter: "time") == millis)
    }

    @Test(arguments: [
        "", "now", "NaN", "Inf", "0x10", "1e400", "1e30", "2015-07-01", "2015-13-01T00:00:00Z", "2015-02-29T00:00:00Z",
        "2015-07-01T24:00:00Z", "2015-07-01T20:10:30", "2015-07-01T20:10:30.Z", "2015-07-01T20:10:30Z ",
    ])
    func refusesOtherTimes(text: String) {
        let error = #expect(throws: QueryError.self) { try QueryParameters.time(text, parameter: "start") }
        #expect(error?.message.hasPrefix("invalid parameter \"start\": cannot parse '\(text)'") == true)
    }

    @Test(arguments: [("15", 15_000), ("0.5", 500), ("1m", 60_000), ("1h30m", 5_400_000), ("2d", 172_800_000)])
    func readsDurations(text: String, millis: Int64) throws {
        #expect(try QueryParameters.duration(text, parameter: "step") == millis)
    }

    @Test(arguments: ["", "m", "1x", "1m1h", "99999999999999999999y", "1.5m", "5m "])
    func refusesOtherDurations(text: String) {
        #expect(throws: QueryError.self) { try QueryParameters.duration(text, parameter: "step") }
    }

    @Test func rangesWithoutEnds() throws {
        #expect(try QueryParameters.range(start: nil, end: nil) == .all)
        #expect(try QueryParameters.range(start: "1", end: "2") == TimeRange(startMillis: 1000, endMillis: 2000))
        #expect(throws: QueryError.self) { try QueryParameters.range(start: "2", end: "1") }
    }
}
