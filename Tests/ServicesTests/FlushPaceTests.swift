import Testing

@testable import Services

struct FlushPaceTests {
    private static let second: Int64 = 1_000_000_000

    /// Whether the flush may go on at each of these seconds.
    private static func answers(
        _ pace: inout FlushPace, at seconds: Range<Int64>, hasRoom: Bool, acked: (Int64) -> UInt64
    ) -> [Bool] {
        seconds.map { pace.mayContinue(hasRoom: hasRoom, acked: acked($0), now: $0 * second) }
    }

    @Test func goesOnWhileThereIsRoom() {
        var pace = FlushPace()
        let answers = Self.answers(&pace, at: 0..<100, hasRoom: true) { _ in 0 }
        #expect(answers.allSatisfy { $0 })
        #expect(pace == FlushPace())
    }

    @Test func waitsWhileConsumersTakeMessagesButNoLongerThanAMinute() {
        var pace = FlushPace()
        let answers = Self.answers(&pace, at: 0..<61, hasRoom: false) { UInt64($0) }
        #expect(answers == Array(repeating: false, count: 60) + [true])
        #expect(pace.isWaiting)
    }

    @Test func waitsFiveSecondsForConsumersThatTakeNothing() {
        var pace = FlushPace()
        let answers = Self.answers(&pace, at: 0..<6, hasRoom: false) { _ in 7 }
        #expect(answers == [false, false, false, false, false, true])
        // It waits again once there was room.
        let room = Self.answers(&pace, at: 6..<7, hasRoom: true) { _ in 8 }
        let full = Self.answers(&pace, at: 7..<8, hasRoom: false) { _ in 8 }
        #expect(room == [true])
        #expect(full == [false])
    }
}
