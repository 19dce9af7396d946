import AggregatorExamples
import Metrics
import TestKit
import Testing

@testable import Aggregator

/// M3's behaviour by worked examples, played to one worker.
@Suite struct WorkedExampleTests {
    /// Every output, forwarded message and refusal after the line that gives it.
    @Test(.examples, arguments: WorkedExample.all) func theWorkerGivesExample(_ example: WorkedExample) throws {
        CountedCase.count(as: "example \(example.number)")
        try Script.run(example)
    }

    @Test func thereAreAsManyAsWereObserved() {
        #expect(Set(WorkedExample.all.map(\.number)).count == 68)
        #expect(WorkedExample.all.count == 75)
        #expect(Set(WorkedExample.all.map(\.testDescription)).count == 75)
    }

    // MARK: What outputs don't tell

    @Test(.example("16.5"), arguments: WorkedExample.cases("16.5"))
    func theOrderOfPoliciesMakesNoOtherElements(_ example: WorkedExample) throws {
        #expect(try Script.run(example).workers[0].liveElements == 2)
    }

    @Test(.example("16.6"), arguments: WorkedExample.cases("16.6"))
    func precisionsArePublished(_ example: WorkedExample) throws {
        let simulation = try Script.run(example)
        #expect(simulation.published.map(\.policy.precisionNanos) == [60_000_000_000, 1_000_000_000])
    }

    @Test(.example("16.53c"), arguments: WorkedExample.cases("16.53c"))
    func whatIsRefusedMakesNoWindow(_ example: WorkedExample) throws {
        #expect(try Script.run(example).total(\.windowsConsumed) == 0)
    }

    @Test(.example("16.59"), arguments: zip(WorkedExample.cases("16.59"), [0, 1] as [UInt64]))
    func expiredSeriesAreMadeAnew(_ example: WorkedExample, expired: UInt64) throws {
        let simulation = try Script.run(example)
        #expect(simulation.total(\.seriesExpired) == expired)
        #expect(simulation.total(\.seriesCreated) == 1 + expired)
    }

    @Test(
        arguments: ["16.40", "16.43", "16.45c"].flatMap(WorkedExample.cases))
    func whatCameBeforeIsADuplicate(_ example: WorkedExample) throws {
        #expect(try Script.run(example).total(\.duplicates) == 1)
    }

    @Test(.example("16.48"), arguments: WorkedExample.cases("16.48"))
    func resendingMakesNoOtherElement(_ example: WorkedExample) throws {
        #expect(try Script.run(example).workers[0].liveElements == 1)
    }

    @Test(.example("16.61"), arguments: WorkedExample.cases("16.61"))
    func windowsOutsideOfCutoverAndCutoffAreCounted(_ example: WorkedExample) throws {
        let simulation = try Script.run(example)
        // The windows of 1000 and 1010 before the cutover, of 1050 after the cutoff; those of 1060 and 1070 are kept.
        #expect(simulation.workers[0].counters.discarded.nonZero == [.cutover: 2, .cutoff: 1])
        #expect(simulation.openValues == 2)
        #expect(simulation.workers[0].flushTimes.map(\.lastFlushedNanos) == [1_060_000_000_000])
    }

    @Test(.example("16.62"), arguments: WorkedExample.cases("16.62"))
    func whatALeaderPublishedIsCounted(_ example: WorkedExample) throws {
        #expect(try Script.run(example).workers[0].counters.discarded.nonZero == [.follower: 1])
    }
}
