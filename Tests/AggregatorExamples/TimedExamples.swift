import Aggregator

/// Timed metrics.
enum TimedExamples {
    static var all: [WorkedExample] {
        [example49, example50, example51, example52, example53, example53b]
    }

    private static let example49 = WorkedExample(
        "16.49", "early and late bounds belong to the range",
        """
        1000 plain counter tc 3.9 at 995 : Sum
        1000 plain counter tc 1 at 1059 : Sum
        1000 plain counter tc 1 at 1060 : Sum
        1000 plain counter tc 1 at 1060.1 : Sum
        !! too_far_in_future
        1000 plain counter tc 1 at 930 : Sum
        1000 plain counter tc 1 at 929.9 : Sum
        !! too_far_in_past
        1010 flush
        -> tc @940 = 1
        1069.9 flush
        1070 flush
        -> tc @1000 = 3
        1130 flush
        -> tc @1060 = 1
        1140 flush
        -> tc @1070 = 1
        """)

    private static let example50 = WorkedExample(
        "16.50", "staged metadatas",
        """
        1000 timed gauge g 1 at 995 : none
        !! empty_metadata_list
        1000 timed gauge g 1 at 995 : Default
        !! only_default_metadata
        1000 timed gauge g 1 at 995 : Default drop
        !! only_drop_policy
        1000 timed gauge g 3.9 at 995 : Last,Max
        1001 timed gauge g 5 at 994 : Last,Max
        1070 flush
        -> g @1000 = 3.9
        -> g @1000 = 5
        """)

    private static let example51 = WorkedExample(
        "16.51", "a published window is closed for its elements",
        """
        1000 timed gauge g 1 at 996 : Last
        1070 flush
        -> g @1000 = 1
        1066 timed gauge g 2 at 996 : Last
        !! window_closed
        1066 timed gauge g2 1 at 996 : Last
        1070.1 flush
        -> g2 @1000 = 1
        """)

    private static var example52: WorkedExample {
        var options = Script.options
        options.numShards = 1
        return WorkedExample(
            "16.52", "forwarded too late", options: options,
            """
            1002 timed gauge b 7 at 1001 : Last do r(Sum)
            1083 flush
            => r gauge @1010 = 7 | from 0 stage 1
            !! forwarded_too_late
            """)
    }

    private static let example53 = WorkedExample(
        "16.53", "untimed and timed are two series",
        """
        1000 counter c 5 : Sum
        1000 timed counter c 7 at 1000 : Sum
        1010 flush
        -> c @1010 = 5
        1080 flush
        -> c @1010 = 7
        """)

    private static let example53b = WorkedExample(
        "16.53b", "staged and plain on one series",
        """
        1001 timed gauge g 1 at 1000 : Sum
        1001 plain gauge g 2 at 1001 : Max
        1002 timed gauge g 4 at 1002 : Sum
        1080 flush
        -> g @1010 = 5
        -> g @1010 = 2
        """)
}
