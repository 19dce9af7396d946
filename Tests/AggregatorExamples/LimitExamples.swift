import Aggregator

/// Rate limits, and shards that come and go.
enum LimitExamples {
    static var all: [WorkedExample] {
        example57 + [example58, example61, example62]
    }

    private static var example57: [WorkedExample] {
        var options = WorkedExample.oneShard
        options.runtime.valuesPerMetricLimitPerSecond = 2
        let first = WorkedExample(
            "16.57", "values of a counter", options: options,
            """
            1000 counter c 1
            1000.1 counter c 1
            1000.2 counter c 1
            !! value_rate_limit
            1000.9 counter c 1
            !! value_rate_limit
            1001 counter c 1
            1001.5 counter c 1
            1001.6 counter c 1
            !! value_rate_limit
            1010 flush
            -> c @1010 = 4
            """)
        let second = WorkedExample(
            "16.57", "values of a timer", options: options,
            """
            1000 timer t 1 2 3 : Sum
            !! value_rate_limit
            1000.5 timer t 4 : Sum
            !! value_rate_limit
            1001 timer t 5 6 : Sum
            1001.1 timer t 7 8 : Sum
            !! value_rate_limit
            1010 flush
            -> t.sum @1010 = 11
            """)
        return [first, second]
    }

    private static var example58: WorkedExample {
        var options = WorkedExample.oneShard
        options.runtime.newMetricLimitPerShardPerSecond = 1
        options.newMetricNoLimitWarmupNanos = 2_000_000_000
        return WorkedExample(
            "16.58", "new series of a shard", options: options,
            """
            1000 counter a 1
            1000.1 counter b 1
            1001.9 counter c 1
            1002 counter d 1
            1002.5 counter e 1
            !! new_metric_rate_limit
            1002.6 counter a 1
            1003 counter f 1
            1010 flush
            -> a @1010 = 2
            -> b @1010 = 1
            -> c @1010 = 1
            -> d @1010 = 1
            -> f @1010 = 1
            """)
    }

    private static var example61: WorkedExample {
        var options = WorkedExample.oneShard
        options.maxBufferSizeNanos = 20_000_000_000
        let shard = OwnedShard(shard: 0, cutoverNanos: 1_020_000_000_000, cutoffNanos: 1_050_000_000_000)
        return WorkedExample(
            "16.61", "cutover and cutoff of a shard", options: options, shards: [shard],
            """
            1000 counter c 1000
            1010 flush
            1010 counter c 1010
            1020 flush
            1020 counter c 1020
            1030 flush
            -> c @1030 = 1020
            1030 counter c 1030
            1040 flush
            -> c @1040 = 1030
            1040 counter c 1040
            1050 counter c 1050
            1060 flush
            -> c @1050 = 1040
            1060 counter c 1060
            1070 flush
            1070 counter c 1070
            1080 flush
            """)
    }

    private static let example62 = WorkedExample(
        "16.62", "a follower knows the value before",
        """
        1000 gauge g 100 : Last do PerSecond
        1010 gauge g 150 : Last do PerSecond
        1010 discard
        1020 flush
        -> g @1020 = 5
        """)
}
