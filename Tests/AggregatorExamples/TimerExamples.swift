import Aggregator

/// Timers under M3's estimator.
enum TimerExamples {
    private static func values(_ range: ClosedRange<Int>) -> String { range.map(String.init).joined(separator: " ") }

    static var all: [WorkedExample] {
        [example16, example17, example18, example19, example20, example21, example22] + [0, 140].map(example23) + [
            example24, example25,
        ]
    }

    private static let example16 = WorkedExample(
        "16.16", "default types",
        """
        1000 timer t \(values(1...10))
        1010 flush
        -> t.sum @1010 = 55
        -> t.sum_sq @1010 = 385
        -> t.mean @1010 = 5.5
        -> t.lower @1010 = 1
        -> t.upper @1010 = 10
        -> t.count @1010 = 10
        -> t.stdev @1010 = 3.0276503540974917
        -> t.median @1010 = 5
        -> t.p50 @1010 = 5
        -> t.p95 @1010 = 10
        -> t.p99 @1010 = 10
        """)

    private static let example17 = WorkedExample(
        "16.17", "several batches",
        """
        1000 timer t 30 10
        1001 timer t 20
        1010 flush
        -> t.sum @1010 = 60
        -> t.sum_sq @1010 = 1400
        -> t.mean @1010 = 20
        -> t.lower @1010 = 10
        -> t.upper @1010 = 30
        -> t.count @1010 = 3
        -> t.stdev @1010 = 10
        -> t.median @1010 = 20
        -> t.p50 @1010 = 20
        -> t.p95 @1010 = 30
        -> t.p99 @1010 = 30
        """)

    private static let example18 = WorkedExample(
        "16.18", "one and two values",
        """
        1000 timer t 1 2 : P50,P95,P99
        1000 timer u 7 : P50,P95,P99
        1010 flush
        -> t.p50 @1010 = 2
        -> t.p95 @1010 = 2
        -> t.p99 @1010 = 2
        -> u.p50 @1010 = 7
        -> u.p95 @1010 = 7
        -> u.p99 @1010 = 7
        """)

    private static let example19 = WorkedExample(
        "16.19", "a hundred values",
        """
        1000 timer t \(values(1...100))
        1010 flush
        -> t.sum @1010 = 5050
        -> t.sum_sq @1010 = 338350
        -> t.mean @1010 = 50.5
        -> t.lower @1010 = 1
        -> t.upper @1010 = 100
        -> t.count @1010 = 100
        -> t.stdev @1010 = 29.011491975882016
        -> t.median @1010 = 50
        -> t.p50 @1010 = 50
        -> t.p95 @1010 = 95
        -> t.p99 @1010 = 99
        """)

    private static let example20 = WorkedExample(
        "16.20", "quantiles that are not ascending are M3's",
        """
        1000 timer t \(values(1...100)) : P99,P25,P75
        1010 flush
        -> t.p99 @1010 = 99
        -> t.p25 @1010 = 99
        -> t.p75 @1010 = 99
        """)

    private static let example21 = WorkedExample(
        "16.21", "the median stands for lower quantiles",
        """
        1000 timer t \(values(1...100)) : Median,P10,P90
        1010 flush
        -> t.median @1010 = 50
        -> t.p10 @1010 = 50
        -> t.p90 @1010 = 90
        """)

    private static var example22: WorkedExample {
        let types = "P10,P20,P30,P40,P50,P60,P70,P80,P90"
        let results = zip([10, 20, 30, 40, 50, 60, 70, 80, 90], [1, 2, 3, 4, 5, 5, 5, 5, 5])
        return WorkedExample(
            "16.22", "quantiles of five values",
            "1000 timer t 1 2 3 4 5 : \(types)\n1010 flush\n"
                + results.map { "-> t.p\($0) @1010 = \($1)" }.joined(separator: "\n"))
    }

    private static func example23(limit: Int) -> WorkedExample {
        let types = ["lower", "upper", "mean", "count", "sum", "sum_sq", "stdev", "p99"]
        var options = Script.options
        options.maxTimerBatchSizePerWrite = limit
        return WorkedExample(
            "16.23", "empty batches, limit \(limit)", options: options,
            """
            1000 timer t : Min,Max,Mean,Count,Sum,SumSq,Stdev,P99
            1010 flush
            """ + (limit == 0 ? types.map { "\n-> t.\($0) @1010 = 0" }.joined() : ""))
    }

    private static var example24: WorkedExample {
        var options = Script.options
        options.maxTimerBatchSizePerWrite = 2
        return WorkedExample(
            "16.24", "a batch above the limit is taken in parts", options: options,
            """
            1000 timer t 1 2 3 4 5 : Count,Sum
            1010 flush
            -> t.count @1010 = 5
            -> t.sum @1010 = 15
            """)
    }

    private static var example25: WorkedExample {
        let values = ["4.9", "16.21", "2.45", "1", "3.9", "2", "2.0506096654409873", "3.9", "3.9", "3.9", "3.9"]
        return WorkedExample(
            "16.25", "timed timers have no suffix",
            """
            1000 plain timer tt 3.9 at 995 : Default
            1001 plain timer tt 1 at 996 : Default
            1070 flush
            """ + values.map { "\n-> tt @1000 = \($0)" }.joined())
    }
}
