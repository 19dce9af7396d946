import Testing

@testable import m3agg

struct TerminalTests {
    // MARK: Sparklines

    @Test func heightsFollowTheValues() {
        #expect(Sparkline.render([0, 1, 2, 3, 4, 5, 6, 7], width: 8) == "▁▂▃▄▅▆▇█")
        #expect(Sparkline.render([7, 0, 7], width: 10) == "█▁█")
        #expect(Sparkline.render([-1, 0, 1], width: 10) == "▁▅█")
    }

    @Test func equalValuesAreAFlatLineAtHalfHeight() {
        #expect(Sparkline.render([3, 3, 3], width: 10) == "▅▅▅")
        #expect(Sparkline.render([0], width: 10) == "▅")
    }

    @Test func ofTooManyValuesTheLastOnesAreDrawn() {
        #expect(Sparkline.render([100, 0, 0, 1], width: 3) == "▁▁█")
        #expect(Sparkline.render([1, 2], width: 0) == "")
        #expect(Sparkline.render([1, 2], width: -5) == "")
        #expect(Sparkline.render([], width: 5) == "")
    }

    @Test func whatIsNoNumberLeavesAGap() {
        #expect(Sparkline.render([0, .nan, 7], width: 8) == "▁ █")
        #expect(Sparkline.render([.infinity, 0, 7, -.infinity], width: 8) == " ▁█ ")
        #expect(Sparkline.render([.nan, .nan], width: 8) == "  ")
    }

    @Test func theGreatestDoublesDoNotOverflow() {
        #expect(Sparkline.render([-Double.greatestFiniteMagnitude, 0, .greatestFiniteMagnitude], width: 3) == "▁▅█")
        // Half of the smallest double is 0.
        #expect(Sparkline.render([0, .leastNonzeroMagnitude], width: 2) == "▅▅")
    }

    // MARK: Tables

    @Test func columnsArePaddedAndAligned() {
        var table = TextTable([("NAME", .left), ("VALUE", .right), ("NOTE", .left)])
        table.add(["a", "1", "x"])
        table.add(["longer name", "1234567", ""])
        #expect(
            table.lines() == [
                "NAME           VALUE  NOTE",
                "a                  1  x",
                "longer name  1234567",
            ])
    }

    @Test func missingCellsAreEmptyAndSurplusOnesAreLeftOut() {
        var table = TextTable([("A", .left), ("B", .right)])
        table.add([])
        table.add(["1", "2", "3"])
        #expect(table.lines() == ["A  B", "", "1  2"])
    }

    @Test func widthsCountCharactersNotBytes() {
        var table = TextTable([("Ä", .left), ("B", .left)])
        table.add(["äöü", "x"])
        #expect(table.lines() == ["Ä    B", "äöü  x"])
    }

    // MARK: Numbers

    @Test(arguments: [
        (0.0, "0"), (5, "5"), (-5, "-5"), (9_999, "9999"), (12_345, "12.35k"), (-12_345, "-12.35k"),
        (2_500_000, "2.50M"), (7_250_000_000, "7.25G"), (0.1234567, "0.1235"), (-0.5, "-0.5000"), (1.239, "1.24"),
        (123.46, "123.5"), (.infinity, "inf"), (-.infinity, "-inf"),
    ]) func numbersAreShort(value: Double, text: String) {
        #expect(NumberText.short(value) == text)
    }

    @Test func notANumberSaysSo() { #expect(NumberText.short(.nan) == "nan") }

    @Test(arguments: [
        (1.005, 1, "1.0"), (-0.04, 1, "0.0"), (-0.06, 1, "-0.1"), (-1.25, 2, "-1.25"), (2.5, 0, "3"),
        (0.001, 3, "0.001"),
        (1e17, 2, "1e+17"),
    ]) func fixedDigits(value: Double, digits: Int, text: String) {
        #expect(NumberText.fixed(value, digits: digits) == text)
    }

    @Test func timesOfDayAreInUTC() {
        #expect(NumberText.timeOfDay(milliseconds: 0) == "00:00:00")
        #expect(NumberText.timeOfDay(milliseconds: 1_700_000_000_000) == "22:13:20")
        #expect(NumberText.timeOfDay(milliseconds: 1_700_000_000_999) == "22:13:20")
    }
}
