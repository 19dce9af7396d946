import TestKit
import Testing

@testable import Aggregator

/// M3's behaviour by worked examples: timed metrics.
@Suite struct WorkedTimedTests {
    @Test(.example("16.49")) func example49_earlyAndLateBoundsBelongToTheRange() throws {
        try Script.run(
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
    }

    @Test(.example("16.50")) func example50_stagedMetadatas() throws {
        try Script.run(
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
    }

    @Test(.example("16.51")) func example51_aPublishedWindowIsClosedForItsElements() throws {
        try Script.run(
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
    }

    @Test(.example("16.52")) func example52_forwardedTooLate() throws {
        var options = Script.options
        options.numShards = 1
        try Script.run(
            options,
            """
            1002 timed gauge b 7 at 1001 : Last do r(Sum)
            1083 flush
            => r gauge @1010 = 7 | from 0 stage 1
            !! forwarded_too_late
            """)
    }

    @Test(.example("16.53")) func example53_untimedAndTimedAreTwoSeries() throws {
        try Script.run(
            """
            1000 counter c 5 : Sum
            1000 timed counter c 7 at 1000 : Sum
            1010 flush
            -> c @1010 = 5
            1080 flush
            -> c @1010 = 7
            """)
    }

    @Test(.example("16.53b")) func example53b_stagedAndPlainOnOneSeries() throws {
        try Script.run(
            """
            1001 timed gauge g 1 at 1000 : Sum
            1001 plain gauge g 2 at 1001 : Max
            1002 timed gauge g 4 at 1002 : Sum
            1080 flush
            -> g @1010 = 5
            -> g @1010 = 2
            """)
    }
}
