import Aggregator

/// Gauges.
enum GaugeExamples {
    private static let allTypes = "Last,Min,Max,Mean,Count,Sum,SumSq,Stdev"

    static var all: [WorkedExample] {
        [example9, example10] + [true, false].map(example11) + [example12, example13, example14, example15]
    }

    private static let example9 = WorkedExample(
        "16.9", "all types",
        """
        1000 gauge g 1.5 : \(allTypes)
        1001 gauge g -2.5 : \(allTypes)
        1002 gauge g 4 : \(allTypes)
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

    private static let example10 = WorkedExample(
        "16.10", "not a number counts and may be the last",
        """
        1000 gauge g 1.5 : \(allTypes)
        1001 gauge g nan : \(allTypes)
        1002 gauge g 4 : \(allTypes)
        1003 gauge g nan : \(allTypes)
        1010 flush
        -> g @1010 = 1.5
        -> g @1010 = 4
        -> g @1010 = 1.375
        -> g @1010 = 4
        -> g @1010 = 5.5
        -> g @1010 = 18.25
        -> g @1010 = 1.8874586088176875
        """)

    private static func example11(discards: Bool) -> WorkedExample {
        var options = Script.options
        options.discardNaNAggregatedValues = discards
        let missing = discards ? "" : "-> g @1010 = nan\n-> g @1010 = nan\n-> g @1010 = nan\n"
        return WorkedExample(
            "16.11", "only not a number, \(discards ? "left out" : "published")", options: options,
            """
            1000 gauge g nan : \(allTypes)
            1010 flush
            \(missing)-> g @1010 = 0
            -> g @1010 = 1
            -> g @1010 = 0
            -> g @1010 = 0
            -> g @1010 = 0
            """)
    }

    private static let example12 = WorkedExample(
        "16.12", "of equal times the first is the last",
        """
        1000 gauge g 1 : \(allTypes)
        1000 gauge g 2 : \(allTypes)
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

    private static let example13 = WorkedExample(
        "16.13", "deviations that cancel are left out",
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

    private static let example14 = WorkedExample(
        "16.14", "infinities",
        """
        1000 gauge g +inf : Last,Min,Sum,Stdev
        1001 gauge g -inf : Last,Min,Sum,Stdev
        1010 flush
        -> g @1010 = -inf
        -> g @1010 = -inf
        """)

    private static let example15 = WorkedExample(
        "16.15", "the last annotation of a window stays",
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
