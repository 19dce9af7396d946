import AggregatorExamples
import Testing

@testable import Aggregator

/// Details of M3's behaviour that no worked example shows.
@Suite struct ParityTests {
    /// A timer batch counts with all its values, a forwarded message as one.
    @Test func aForwardedMessageIsOneValueOfItsLimit() throws {
        var options = Script.options
        options.runtime.valuesPerMetricLimitPerSecond = 2
        try Script.run(
            options,
            """
            1011 forwarded gauge r 1 2 3 at 1010 from 1 stage 1 : Sum
            1011.1 forwarded gauge r 4 5 6 at 1010 from 2 stage 1 : Sum
            1011.2 forwarded gauge r 7 at 1010 from 3 stage 1 : Sum
            !! value_rate_limit
            1080.1 flush
            -> r @1010 = 21
            """)
    }

    /// What is written to a series keeps it alive, even when its metadata takes nothing.
    @Test func aSeriesLivesOnWhileItsMetadataTakesNothing() throws {
        var options = Script.options
        options.entryTTLNanos = 100_000_000_000
        let simulation = try Script.run(
            options,
            """
            1000 counter c 5 : Sum do Increase
            1010 flush
            -> c @1010 = 5
            1090 counter c 1 : tombstoned
            !! tombstoned
            1150 tick
            1180 counter c 9 : Sum do Increase
            1190 flush
            -> c @1190 = 4
            """)
        #expect(simulation.total(\.seriesExpired) == 0)
    }

    /// A value whose window is closed counts in the next one as of one window later.
    @Test func aValueThatRollsOverBearsALaterTime() throws {
        try Script.run(
            """
            1010 gauge g 1
            1020 flush
            -> g @1020 = 1
            1015 gauge g 2
            1021 gauge g 3
            1030 flush
            -> g @1030 = 2
            """)
    }
}
