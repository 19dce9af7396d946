import Testing

@testable import Aggregator

@Suite struct SaturatingArithmeticTests {
    @Test func sumsAndDifferencesAreHeldAtTheEndTheyPass() {
        #expect(Int64.max.addingSaturating(1) == .max)
        #expect(Int64.min.addingSaturating(-1) == .min)
        #expect(Int64.min.subtractingSaturating(1) == .min)
        // The time since a moment that never was: long ago, not in the future.
        #expect(Int64(1).subtractingSaturating(.min) == .max)
        #expect(Int64(5).subtractingSaturating(7) == -2)
    }
}
