import Aggregator

/// Rollups and forwarding. The ids are those of one source shard.
enum RollupExamples {
    static var all: [WorkedExample] {
        [example35, example36, example37, example38, example39, example40, example41, example42, example43, example44]
    }

    private static var example35: WorkedExample {
        let metadata = "Last do PerSecond rolled(Sum)"
        return WorkedExample(
            "16.35", "rates are added up", options: WorkedExample.oneShard,
            """
            1000 gauge a 0 : \(metadata)
            1001 gauge b 100 : \(metadata)
            1010 gauge a 50 : \(metadata)
            1010 flush
            1011 gauge b 120 : \(metadata)
            1020 flush
            => rolled gauge @1020 = 5 2 | from 0 stage 1
            1090 flush
            1090.1 flush
            -> rolled @1020 = 7
            """)
    }

    private static var example36: WorkedExample {
        let metadata = "Sum do r1(Max) Absolute r2(Count)"
        return WorkedExample(
            "16.36", "two stages", options: WorkedExample.oneShard,
            """
            1000 counter a -5 : \(metadata)
            1001 counter b 3 : \(metadata)
            1010 counter a -8 : \(metadata)
            1010 flush
            => r1 counter @1010 = -5 3 | from 0 stage 1
            1020 flush
            => r1 counter @1020 = -8 | from 0 stage 1
            1080.1 flush
            => r2 counter @1010 = 3 | from 0 stage 2
            1090.1 flush
            => r2 counter @1020 = 8 | from 0 stage 2
            -> r2 @1010 = 1
            1100.1 flush
            -> r2 @1020 = 1
            """)
    }

    private static var example37: WorkedExample {
        let metadata = "Sum do PerSecond r(Sum)"
        return WorkedExample(
            "16.37", "counters lose fractions on the way", options: WorkedExample.oneShard,
            """
            1000 counter a 5 : \(metadata)
            1010 counter a 30 : \(metadata)
            1020 counter a 34 : \(metadata)
            1030 flush
            => r counter @1020 = 2.5 | from 0 stage 1
            => r counter @1030 = 0.4 | from 0 stage 1
            1100.1 flush
            -> r @1020 = 2
            -> r @1030 = 0
            """)
    }

    private static var example38: WorkedExample {
        let metadata = "Count,Sum do r(Max,Count,Sum)"
        return WorkedExample(
            "16.38", "all types of a timer become values", options: WorkedExample.oneShard,
            """
            1000 timer a 5 7 : \(metadata)
            1000 timer b 1 : \(metadata)
            1010 flush
            => r timer @1010 = 2 12 1 1 | from 0 stage 1
            1080.1 flush
            -> r.upper @1010 = 12
            -> r.count @1010 = 4
            -> r.sum @1010 = 16
            """)
    }

    private static var example39: WorkedExample {
        let metadata = "Sum on 10s:2d,1m:40d do r(Max,Sum)"
        return WorkedExample(
            "16.39", "two policies", options: WorkedExample.oneShard,
            """
            1000 counter a 5 : \(metadata)
            1001 counter b 7 : \(metadata)
            1011 counter a 1 : \(metadata)
            1020 flush
            => r counter @1010 = 5 7 | from 0 stage 1
            => r counter @1020 = 1 | from 0 stage 1
            => r counter @1020 = 6 7 | from 0 stage 1 1m:40d
            1090.1 flush
            -> r @1010 = 7
            -> r @1010 = 12
            -> r @1020 = 1
            -> r @1020 = 1
            1140.1 flush
            -> r @1020 = 7 1m:40d
            -> r @1020 = 13 1m:40d
            """)
    }

    private static var example40: WorkedExample {
        let metadata = "Max,Mean,Count,Sum on 10s:2d resend"
        return WorkedExample(
            "16.40", "sources count once per version",
            """
            1030 forwarded gauge r 5 2 at 1020 from 1 stage 1 : \(metadata)
            1031 forwarded gauge r 50 at 1020 from 1 stage 1 : \(metadata)
            1032 forwarded gauge r 10 at 1020 from 2 stage 1 : \(metadata)
            1033 forwarded gauge r 1 at 1020 from 2 stage 1 version 1 prev 10 : \(metadata)
            1034 forwarded gauge r 100 at 1023 from 3 stage 1 : \(metadata)
            1090 forwarded gauge r 7 at 1020 from 4 stage 1 : \(metadata)
            1090.1 forwarded gauge r 8 at 1020 from 5 stage 1 : \(metadata)
            !! forwarded_too_late
            1090.1 flush
            -> r @1020 = 100
            -> r @1020 = 23
            -> r @1020 = 5
            -> r @1020 = 115
            """)
    }

    private static let example41 = WorkedExample(
        "16.41", "forwarded counters are truncated",
        """
        1011 forwarded counter r 2.9 -2.9 at 1010 from 1 stage 1 : Max,Mean,Count,Sum
        1080.1 flush
        -> r @1010 = 2
        -> r @1010 = 0
        -> r @1010 = 2
        -> r @1010 = 0
        """)

    private static let example42 = WorkedExample(
        "16.42", "the last of forwarded values",
        """
        1026 forwarded gauge r 5 2 at 1020 from 1 stage 1 : Last
        1026 forwarded gauge s 5 2 at 1020 from 1 stage 1 : Last
        1027 forwarded gauge r 9 at 1025 from 2 stage 1 : Last
        1100 flush
        -> r @1020 = 9
        -> s @1020 = 5
        """)

    private static let example43 = WorkedExample(
        "16.43", "two lists of a shard are one source", options: WorkedExample.oneShard,
        """
        1000 gauge a 5 : Last do r(Sum)
        1000 timed gauge b 7 at 1000 : Last do r(Sum)
        1010 flush
        => r gauge @1010 = 5 | from 0 stage 1
        1080 flush
        => r gauge @1010 = 7 | from 0 stage 1
        1080.1 flush
        -> r @1010 = 5
        """)

    private static var example44: WorkedExample {
        var options = WorkedExample.oneShard
        options.discardNaNAggregatedValues = false
        return WorkedExample(
            "16.44", "not a number is forwarded when kept", options: options,
            """
            1000 gauge a 1 : Last do PerSecond r(Last,Max,Count,Sum)
            1000 gauge b 1 : Last do PerSecond r(Last,Max,Count,Sum)
            1010 flush
            => r gauge @1010 = nan nan | from 0 stage 1
            1080.1 flush
            -> r @1010 = nan
            -> r @1010 = nan
            -> r @1010 = 2
            -> r @1010 = 0
            """)
    }
}
