import Aggregator
import Metrics

/// Changes of metadata and the life of series.
enum MetadataExamples {
    static var all: [WorkedExample] {
        [example53c, example54] + example55 + [example56] + example59 + [example60] + example63
    }

    private static let example53c = WorkedExample(
        "16.53c", "invalid aggregations are refused",
        """
        1000 counter a 1 : 1
        !! invalid_aggregation
        1000 counter b 1 : 1073741824
        !! invalid_aggregation
        1000 timed unknown c 1 at 1000 : Sum
        !! invalid_metric_type
        1000 counter d 1 : Sum | Last
        !! invalid_aggregation
        1010 flush
        """)

    private static var example54: WorkedExample {
        let metadata =
            "Sum on 10s:2d ; cutover 1005 Sum on 10s:2d | Max on 10s:2d ; cutover 1015 Max on 1m:40d"
        return WorkedExample(
            "16.54", "cutovers",
            """
            1001 counter c 1 : \(metadata)
            1004.9 counter c 2 : \(metadata)
            1005 counter c 4 : \(metadata)
            1010 flush
            -> c @1010 = 7
            -> c @1010 = 4
            1014.9 counter c 8 : \(metadata)
            1015 counter c 16 : \(metadata)
            1016 counter c 32 : Sum on 10s:2d
            1020 flush
            -> c @1020 = 8
            -> c @1020 = 8
            -> c @1020 = 32 1m:40d
            """)
    }

    private static var example55: [WorkedExample] {
        var options = Script.options
        options.defaultStoragePolicies.append(
            StoragePolicy(
                resolutionNanos: 60_000_000_000, precisionNanos: 60_000_000_000,
                retentionNanos: 3_456_000_000_000_000))
        let first = WorkedExample(
            "16.55", "drop policies of untimed metrics are ignored", options: options,
            """
            1000 counter c 1 : Default drop
            1020 flush
            -> c @1010 = 1
            -> c @1020 = 1 1m:40d
            """)
        options.defaultStoragePolicies = []
        let second = WorkedExample(
            "16.55", "no policies at all", options: options,
            """
            1000 counter c 1
            !! no_policies
            1010 flush
            """)
        return [first, second]
    }

    private static let example56 = WorkedExample(
        "16.56", "metadata without use",
        """
        1000 counter a 1 : none
        !! empty_metadata_list
        1000 counter b 1 : cutover 0
        !! no_pipelines
        1000 counter c 1 : cutover 2000 Sum
        !! no_applicable_metadata
        1000 counter d 1 : tombstoned
        !! tombstoned
        1000 counter e 1 : Last
        !! invalid_aggregation
        1000 gauge f 1 : P99
        !! invalid_aggregation
        1000 timer g 1 : Last
        !! invalid_aggregation
        1010 flush
        """)

    private static var example59: [WorkedExample] {
        var options = Script.options
        options.entryTTLNanos = 100_000_000_000
        let written = """
            1000 counter c 5 : Sum do Increase
            1010 flush
            -> c @1010 = 5
            1050 counter c 7 : Sum do Increase
            1060 flush
            -> c @1060 = 2
            1150 tick
            1150 flush
            """
        let first = WorkedExample(
            "16.59", "a series that has not expired", options: options,
            written + """

                1200 counter c 9 : Sum do Increase
                1210 flush
                -> c @1210 = 2
                """)
        let second = WorkedExample(
            "16.59", "expiry of the history", options: options,
            written + """

                1150.1 tick
                1200 counter c 9 : Sum do Increase
                1210 flush
                -> c @1210 = 9
                """)
        return [first, second]
    }

    private static let example60 = WorkedExample(
        "16.60", "one id of three types",
        """
        1000 counter x 1 : Sum
        1000 gauge x 2.5 : Sum
        1000 timer x 3.5 : Sum
        1010 flush
        -> x @1010 = 1
        -> x @1010 = 2.5
        -> x.sum @1010 = 3.5
        """)

    private static var example63: [WorkedExample] {
        var options = Script.options
        options.metricPrefix = "stats."
        options.counterPrefix = "counts."
        options.gaugePrefix = "gauges."
        options.timerPrefix = "timers."
        let first = WorkedExample(
            "16.63", "prefixes", options: options,
            """
            1000 counter foo 1
            1000 gauge foo 1
            1000 timer foo 1 : Mean,P99
            1000 plain counter foo 2 at 1000 : Sum
            1010 flush
            -> stats.counts.foo @1010 = 1
            -> stats.gauges.foo @1010 = 1
            -> stats.timers.foo.mean @1010 = 1
            -> stats.timers.foo.p99 @1010 = 1
            1080 flush
            -> foo @1010 = 2
            """)
        options = Script.options
        options.counterTypeString = .noop
        options.gaugeTypeString = .noop
        options.timerTypeString = .noop
        let second = WorkedExample(
            "16.63", "type strings", options: options,
            """
            1000 counter foo 1
            1000 gauge foo 1
            1000 timer foo 1 : Mean,P99
            1010 flush
            -> foosum @1010 = 1
            -> foolast @1010 = 1
            -> foomean @1010 = 1
            -> foop99 @1010 = 1
            """)
        return [first, second]
    }
}
