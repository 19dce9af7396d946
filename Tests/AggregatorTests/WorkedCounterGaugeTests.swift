import Metrics
import TestKit
import Testing

@testable import Aggregator

/// M3's behaviour by worked examples: counters and gauges.
@Suite struct WorkedCounterTests {
    @Test(.example("16.1")) func example1_aWindowIsPublishedOnceAfterItsEnd() throws {
        try Script.run(
            """
            1000 counter c 5
            1003.5 counter c -2
            1009.999 counter c 10
            1009.9999 flush
            1010 counter c 1
            1010 flush
            -> c @1010 = 13
            1019.9 flush
            1020 flush
            -> c @1020 = 1
            1030 flush
            """)
    }

    @Test(.example("16.2")) func example2_typesComeInTheOrderOfTheirIds() throws {
        let types = "Min,Max,Mean,Count,Sum,SumSq,Stdev"
        let values = [2, 4, 4, 4, 5, 5, 7, 9].enumerated().map {
            "\(1000 + $0.offset) counter c \($0.element) : \(types)"
        }
        try Script.run(
            values.joined(separator: "\n") + """

                1010 flush
                -> c @1010 = 2
                -> c @1010 = 9
                -> c @1010 = 5
                -> c @1010 = 8
                -> c @1010 = 40
                -> c @1010 = 232
                -> c @1010 = 2.138089935299395
                """)
    }

    @Test(.example("16.3")) func example3_sumsWrapAround() throws {
        try Script.run(
            """
            1000 counter c 9223372036854775807 : Max,Mean,Sum
            1001 counter c 1 : Max,Mean,Sum
            1010 flush
            -> c @1010 = 9.223372036854776e+18
            -> c @1010 = -4.611686018427388e+18
            -> c @1010 = -9.223372036854776e+18
            """)
    }

    @Test(.example("16.4")) func example4_repeatedPipelinesAddNothing() throws {
        let metadata = "Sum on 10s:2d,1m:40d | Max on 10s:2d | Sum on 10s:2d"
        try Script.run(
            """
            1000 counter c 5 : \(metadata)
            1010 flush
            -> c @1010 = 5
            -> c @1010 = 5
            1015 counter c 7 : \(metadata)
            1020 flush
            -> c @1020 = 7
            -> c @1020 = 7
            -> c @1020 = 12 1m:40d
            """)
    }

    @Test(.example("16.5")) func example5_theOrderOfPoliciesDoesNotMatter() throws {
        let simulation = try Script.run(
            """
            1000 counter c 5 : Sum on 10s:2d,1m:40d
            1001 counter c 7 : Sum on 1m:40d,10s:2d
            1020 flush
            -> c @1010 = 12
            -> c @1020 = 12 1m:40d
            """)
        #expect(simulation.workers[0].liveElements == 2)
    }

    @Test(.example("16.6")) func example6_precisionIsPartOfAPolicy() throws {
        let simulation = try Script.run(
            """
            1000 counter c 5 : Sum on 1m:2d,1m@1s:2d
            1020 flush
            -> c @1020 = 5 1m:2d
            -> c @1020 = 5 1m@1s:2d
            """)
        #expect(simulation.published.map(\.policy.precisionNanos) == [60_000_000_000, 1_000_000_000])
    }

    @Test(.example("16.7")) func example7_windowsOfASecondAndOfAnHour() throws {
        try Script.run(
            """
            1700000000.25 counter c 5 : Sum on 1s:2d,1h:30d
            1700000001 flush
            -> c @1700000001 = 5 1s:2d
            1700002800 flush
            -> c @1700002800 = 5 1h:30d
            """)
    }

    @Test(.example("16.8")) func example8_windowsAreAlignedFromTheYearOne() throws {
        try Script.run(
            """
            1700000000 counter c 1 : Sum on 7s:2d
            1700000003.9 flush
            1700000004 flush
            -> c @1700000004 = 1 7s:2d
            """)
    }
}

@Suite struct WorkedGaugeTests {
    private static let all = "Last,Min,Max,Mean,Count,Sum,SumSq,Stdev"

    @Test(.example("16.9")) func example9_allTypes() throws {
        try Script.run(
            """
            1000 gauge g 1.5 : \(Self.all)
            1001 gauge g -2.5 : \(Self.all)
            1002 gauge g 4 : \(Self.all)
            1010 flush
            -> g @1010 = 4
            -> g @1010 = -2.5
            -> g @1010 = 4
            -> g @1010 = 1
            -> g @1010 = 3
            -> g @1010 = 3
            -> g @1010 = 24.5
            -> g @1010 = 3.278719262151
            """)
    }

    @Test(.example("16.10")) func example10_notANumberCountsAndMayBeTheLast() throws {
        try Script.run(
            """
            1000 gauge g 1.5 : \(Self.all)
            1001 gauge g nan : \(Self.all)
            1002 gauge g 4 : \(Self.all)
            1003 gauge g nan : \(Self.all)
            1010 flush
            -> g @1010 = 1.5
            -> g @1010 = 4
            -> g @1010 = 1.375
            -> g @1010 = 4
            -> g @1010 = 5.5
            -> g @1010 = 18.25
            -> g @1010 = 1.8874586088176875
            """)
    }

    @Test(.example("16.11"), arguments: [true, false]) func example11_onlyNotANumber(discards: Bool) throws {
        var options = Script.options
        options.discardNaNAggregatedValues = discards
        let missing = discards ? "" : "-> g @1010 = nan\n-> g @1010 = nan\n-> g @1010 = nan\n"
        try Script.run(
            options,
            """
            1000 gauge g nan : \(Self.all)
            1010 flush
            \(missing)-> g @1010 = 0
            -> g @1010 = 1
            -> g @1010 = 0
            -> g @1010 = 0
            -> g @1010 = 0
            """)
    }

    @Test(.example("16.12")) func example12_ofEqualTimesTheFirstIsTheLast() throws {
        try Script.run(
            """
            1000 gauge g 1 : \(Self.all)
            1000 gauge g 2 : \(Self.all)
            1010 flush
            -> g @1010 = 1
            -> g @1010 = 1
            -> g @1010 = 2
            -> g @1010 = 1.5
            -> g @1010 = 2
            -> g @1010 = 3
            -> g @1010 = 5
            -> g @1010 = 0.7071067811865476
            """)
    }

    @Test(.example("16.13")) func example13_deviationsThatCancelAreLeftOut() throws {
        try Script.run(
            """
            1000 gauge g 1000000000.1 : Sum,Stdev
            1001 gauge g 1000000000.1 : Sum,Stdev
            1002 gauge g 1000000000.1 : Sum,Stdev
            1003 gauge h 1.1 : Sum,Stdev
            1004 gauge h 1.1 : Sum,Stdev
            1005 gauge h 1.1 : Sum,Stdev
            1010 flush
            -> g @1010 = 3000000000.3
            -> h @1010 = 3.3000000000000003
            -> h @1010 = 0
            """)
    }

    @Test(.example("16.14")) func example14_infinities() throws {
        try Script.run(
            """
            1000 gauge g +inf : Last,Min,Sum,Stdev
            1001 gauge g -inf : Last,Min,Sum,Stdev
            1010 flush
            -> g @1010 = -inf
            -> g @1010 = -inf
            """)
    }

    @Test(.example("16.15")) func example15_theLastAnnotationOfAWindowStays() throws {
        try Script.run(
            """
            1000 gauge g 1 ~A
            1001 gauge g 2
            1002 gauge g 3 ~B
            1003 gauge g 4
            1010 flush
            -> g @1010 = 4 ~B
            1011 gauge g 5
            1020 flush
            -> g @1020 = 5
            """)
    }
}
