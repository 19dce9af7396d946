import Aggregator

/// Transformations without a rollup.
enum TransformationExamples {
    static var all: [WorkedExample] {
        [true, false].map(example26) + [
            example27, example28, example29, example30, example31, example32, example33, example34,
        ]
    }

    private static func example26(discards: Bool) -> WorkedExample {
        var options = Script.options
        options.discardNaNAggregatedValues = discards
        func nan(_ time: Int) -> String { discards ? "" : "\n-> g @\(time) = nan" }
        return WorkedExample(
            "16.26", "per second, NaN \(discards ? "left out" : "published")", options: options,
            """
            1000 gauge g 100 : Last do PerSecond
            1010 gauge g 150 : Last do PerSecond
            1040 gauge g 270 : Last do PerSecond
            1050 gauge g 20 : Last do PerSecond
            1060 gauge g 50 : Last do PerSecond
            1070 flush\(nan(1010))
            -> g @1020 = 5
            -> g @1050 = 4\(nan(1060))
            -> g @1070 = 3
            """)
    }

    private static let example27 = WorkedExample(
        "16.27", "increase",
        """
        1000 gauge g 100 : Last do Increase
        1010 gauge g 150 : Last do Increase
        1020 gauge g nan : Last do Increase
        1030 gauge g 270 : Last do Increase
        1050 gauge g 20 : Last do Increase
        1060 gauge g 50 : Last do Increase
        1070 flush
        -> g @1010 = 100
        -> g @1020 = 50
        -> g @1040 = 270
        -> g @1070 = 30
        """)

    private static let example28 = WorkedExample(
        "16.28", "add",
        """
        1000 counter c 5 : Sum do Add
        1010 counter c 7 : Sum do Add
        1030 counter c -2 : Sum do Add
        1040 flush
        -> c @1010 = 5
        -> c @1020 = 12
        -> c @1040 = 10
        """)

    private static let example29 = WorkedExample(
        "16.29", "the types share one total",
        """
        1000 counter c 5 : Count,Sum do Add
        1001 counter c 6 : Count,Sum do Add
        1010 counter c 7 : Count,Sum do Add
        1020 flush
        -> c @1010 = 2
        -> c @1010 = 13
        -> c @1020 = 14
        -> c @1020 = 21
        """)

    private static let example30 = WorkedExample(
        "16.30", "absolute",
        """
        1000 counter c -5 : Sum do Absolute
        1010 flush
        -> c @1010 = 5
        """)

    private static let example31 = WorkedExample(
        "16.31", "reset adds zeros half a window later",
        """
        1000 counter c 5 : Sum do Reset
        1010 counter c 6 : Sum do Reset
        1000 counter d 5 : Sum on 5s:2d do Reset
        1020 flush
        -> c @1010 = 5
        -> c @1015 = 0
        -> c @1020 = 6
        -> c @1025 = 0
        -> d @1005 = 5 5s:2d
        -> d @1007.5 = 0 5s:2d
        """)

    private static var example32: WorkedExample {
        var options = Script.options
        options.discardNaNAggregatedValues = false
        options.numShards = 1
        return WorkedExample(
            "16.32", "transformations in a row", options: options,
            """
            210 counter c -123 : Sum do Absolute PerSecond r(Sum)
            220 counter c -456 : Sum do Absolute PerSecond r(Sum)
            230 counter c -589 : Sum do Absolute PerSecond r(Sum)
            240 flush
            => r counter @220 = nan | from 0 stage 1
            => r counter @230 = 33.3 | from 0 stage 1
            => r counter @240 = 13.3 | from 0 stage 1
            """)
    }

    private static var example33: WorkedExample {
        var options = Script.options
        options.addToReset = true
        return WorkedExample(
            "16.33", "add is executed as reset when said so", options: options,
            """
            1000 counter c 5 : Sum do Increase Add
            1010 counter c 6 : Sum do Increase Add
            1020 flush
            -> c @1010 = 5
            -> c @1015 = 0
            -> c @1020 = 1
            -> c @1025 = 0
            """)
    }

    private static let example34 = WorkedExample(
        "16.34", "two binary steps are refused",
        """
        1000 counter c 5 : Sum do PerSecond Increase
        !! invalid_pipeline
        1010 flush
        """)
}
