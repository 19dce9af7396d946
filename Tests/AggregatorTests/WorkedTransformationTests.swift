import TestKit
import Testing

@testable import Aggregator

/// M3's behaviour by worked examples: transformations without a rollup.
@Suite struct WorkedTransformationTests {
    @Test(.example("16.26"), arguments: [true, false]) func example26_perSecond(discards: Bool) throws {
        var options = Script.options
        options.discardNaNAggregatedValues = discards
        func nan(_ time: Int) -> String { discards ? "" : "\n-> g @\(time) = nan" }
        try Script.run(
            options,
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

    @Test(.example("16.27")) func example27_increase() throws {
        try Script.run(
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
    }

    @Test(.example("16.28")) func example28_add() throws {
        try Script.run(
            """
            1000 counter c 5 : Sum do Add
            1010 counter c 7 : Sum do Add
            1030 counter c -2 : Sum do Add
            1040 flush
            -> c @1010 = 5
            -> c @1020 = 12
            -> c @1040 = 10
            """)
    }

    @Test(.example("16.29")) func example29_theTypesShareOneTotal() throws {
        try Script.run(
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
    }

    @Test(.example("16.30")) func example30_absolute() throws {
        try Script.run(
            """
            1000 counter c -5 : Sum do Absolute
            1010 flush
            -> c @1010 = 5
            """)
    }

    @Test(.example("16.31")) func example31_resetAddsZerosHalfAWindowLater() throws {
        try Script.run(
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
    }

    @Test(.example("16.32")) func example32_transformationsInARow() throws {
        var options = Script.options
        options.discardNaNAggregatedValues = false
        options.numShards = 1
        try Script.run(
            options,
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

    @Test(.example("16.33")) func example33_addIsExecutedAsResetWhenSaidSo() throws {
        var options = Script.options
        options.addToReset = true
        try Script.run(
            options,
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

    @Test(.example("16.34")) func example34_twoBinaryStepsAreRefused() throws {
        try Script.run(
            """
            1000 counter c 5 : Sum do PerSecond Increase
            !! invalid_pipeline
            1010 flush
            """)
    }
}
