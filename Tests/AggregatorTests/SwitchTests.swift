import AggregatorExamples
import Metrics
import Testing

@testable import Aggregator

/// What differs from M3 when it is asked for, and what M3 would hang or trap at.
@Suite struct SwitchTests {
    /// Example 37, with fractions.
    @Test func countersKeepTheirFractionsInARollup() throws {
        var options = Script.options
        options.counterFractions = .keep
        try Script.run(
            options,
            """
            1000 counter a 5 : Sum do PerSecond r(Sum,Max,Count)
            1010 counter a 30 : Sum do PerSecond r(Sum,Max,Count)
            1010 counter a 0 : Sum do PerSecond r(Sum,Max,Count)
            1020 flush
            => r counter @1020 = 2.5 | from 50 stage 1
            1090.1 flush
            -> r @1020 = 2.5
            -> r @1020 = 1
            -> r @1020 = 2.5
            """)
    }

    @Test func timedCountersKeepTheirFractions() throws {
        var options = Script.options
        options.counterFractions = .keep
        try Script.run(
            options,
            """
            1000 timed counter c 2.75 at 1000 : Sum
            1000 timed counter c 0.5 at 1001 : Sum
            1080 flush
            -> c @1010 = 3.25
            """)
    }

    /// Example 29, with a total for each type.
    @Test func everyTypeHasATotal() throws {
        var options = Script.options
        options.cumulativeAdd = .perType
        try Script.run(
            options,
            """
            1000 counter c 5 : Count,Sum do Add
            1001 counter c 6 : Count,Sum do Add
            1010 counter c 7 : Count,Sum do Add
            1020 flush
            -> c @1010 = 2
            -> c @1010 = 11
            -> c @1020 = 3
            -> c @1020 = 18
            """)
    }

    /// A late value raises the total of its window and of all windows after it, once.
    @Test func aTotalIsCorrectedRatherThanAddedAgain() throws {
        var options = Script.options
        options.cumulativeAdd = .perType
        try Script.run(
            options,
            """
            1001 counter c 5 ct 1001 : Sum do Add resend
            1011 counter c 7 ct 1011 : Sum do Add resend
            1021 counter c 1 ct 1021 : Sum do Add resend
            1030 flush
            -> c @1010 = 5
            -> c @1020 = 12
            -> c @1030 = 13
            1031 counter c 2 ct 1003 : Sum do Add resend
            1040 flush
            -> c @1010 = 7
            -> c @1020 = 14
            -> c @1030 = 15
            1041 counter c 3 ct 1041 : Sum do Add resend
            1050 flush
            -> c @1050 = 18
            """)
    }

    /// M3 locks the window for ever (counters, timers) or stops (previous values missing).
    @Test func messagesThatReplaceValuesAreChecked() throws {
        let simulation = try Script.run(
            """
            1000 forwarded counter r 5 at 1000 from 1 stage 1 : Sum resend
            1001 forwarded counter r 6 at 1000 from 1 stage 1 version 1 prev 5 : Sum resend
            !! resend_unsupported
            1001 forwarded timer t 6 at 1000 from 1 stage 1 version 1 prev 5 : Sum resend
            !! resend_unsupported
            1001 forwarded gauge g 6 7 at 1000 from 1 stage 1 version 1 prev 5 : Sum resend
            !! previous_values_missing
            1002 forwarded gauge g 6 7 at 1000 from 1 stage 1 version 65536 prev 5 4 : Sum resend
            !! version_out_of_range
            1003 forwarded counter r 2 at 1000 from 2 stage 1 : Sum resend
            1080.1 flush
            -> r @1000 = 7
            """)
        #expect(simulation.total(\.replaced) == 0)
    }

    /// A correction may come before what it corrects, or without it: the count stays as M3 has it.
    @Test func aCorrectionWithoutAFormerValueMakesAWindow() throws {
        let simulation = try Script.run(
            """
            1000 forwarded gauge g 6 at 1000 from 1 stage 1 version 2 prev 4 : Sum,Count,Min,Max resend
            1000 forwarded gauge g 6 at 1000 from 1 stage 1 version 2 prev 4 : Sum,Count,Min,Max resend
            1000 forwarded gauge g 9 at 1000 from 1 stage 1 version 5 prev 6 : Sum,Count,Min,Max resend
            1080.1 flush
            -> g @1000 = 6
            -> g @1000 = 9
            -> g @1000 = 0
            -> g @1000 = 5
            """)
        #expect(simulation.total(\.replaced) == 2)
        #expect(simulation.total(\.duplicates) == 1)
    }

    @Test func forwardedValuesFarAheadDoNotTakeTheRoomOfOthers() throws {
        var options = Script.options
        options.limits.maxOpenWindows = 4
        try Script.run(
            options,
            """
            1000 forwarded gauge r 1 at 1070 from 1 stage 1 : Sum
            1000 forwarded gauge r 1 at 1070.1 from 1 stage 1 : Sum
            !! forwarded_too_early
            1000 forwarded gauge r 1 at 4000000000 from 1 stage 1 : Sum
            !! forwarded_too_early
            """)
    }

    /// Without values, but not without a window, as in M3.
    @Test func forwardedMessagesWithoutValuesMakeAWindow() throws {
        try Script.run(
            """
            1000 forwarded counter r at 1000 from 1 stage 1 : Min,Sum,Count
            1000 forwarded counter r at 1000 from 1 stage 1 : Min,Sum,Count
            1000 forwarded counter r 4 at 1000 from 2 stage 1 : Min,Sum,Count
            1080.1 flush
            -> r @1000 = 4
            -> r @1000 = 1
            -> r @1000 = 4
            """)
    }
}
