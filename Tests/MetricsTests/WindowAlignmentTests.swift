import Metrics
import Testing

@Suite struct WindowAlignmentTests {
    static let second: Int64 = 1_000_000_000

    /// Resolutions in seconds with the offset from alignment to 1970.
    @Test(
        arguments: [
            (1, 0), (10, 0), (45, 0), (60, 0), (3_600, 0), (86_400, 0),
            (7, 4), (25 * 60, 300), (7 * 86_400, 259_200), (30 * 86_400, 172_800),
        ] as [(Int64, Int64)])
    func windowsCountFromTheYearOne(resolution: Int64, offset: Int64) {
        let r = resolution * Self.second
        let start = WindowAlignment.start(of: 1_700_000_000 * Self.second, resolutionNanos: r)
        let distance = 1_700_000_000 * Self.second - start
        #expect(distance >= 0 && distance < r)
        // An aligned instant is a multiple of the resolution plus (resolution − offset) in 1970's count.
        #expect((start / Self.second + offset) % resolution == 0)
    }

    @Test func sevenSecondsOfTheWrittenExample() {
        let start = WindowAlignment.start(of: 1_700_000_000 * Self.second, resolutionNanos: 7 * Self.second)
        #expect(start == 1_699_999_997 * Self.second)
    }

    @Test func weeksBeginOnMonday() {
        // 2023-11-13 was a Monday.
        let monday: Int64 = 1_699_833_600
        let week = 7 * 86_400 * Self.second
        #expect(WindowAlignment.start(of: monday * Self.second, resolutionNanos: week) == monday * Self.second)
        #expect(
            WindowAlignment.start(of: (monday + 604_799) * Self.second, resolutionNanos: week) == monday * Self.second)
    }

    @Test func anAlignedInstantBelongsToTheWindowItBegins() {
        let r = 10 * Self.second
        #expect(WindowAlignment.start(of: 1_000 * Self.second, resolutionNanos: r) == 1_000 * Self.second)
        #expect(WindowAlignment.start(of: 1_000 * Self.second - 1, resolutionNanos: r) == 990 * Self.second)
        #expect(WindowAlignment.start(of: -1, resolutionNanos: r) == -r)
    }

    @Test(arguments: [1, 7, 1_000, 604_800_000_000_000, Int64.max / 2 + 3, Int64.max])
    func startsAreAlignedWhateverTheResolution(resolution: Int64) {
        let phase = WindowAlignment.phase(resolutionNanos: resolution)
        for time in [0, 1, -1, 1_700_000_000_123_456_789, -1_700_000_000_123_456_789, Int64.max] {
            let start = Int128(WindowAlignment.start(of: time, resolutionNanos: resolution, phase: phase))
            let distance = Int128(time) - start
            // Near the smallest time the window starts outside 64 bits and the result wraps.
            if distance < 0 { continue }
            #expect(distance < Int128(resolution))
            #expect((start + 62_135_596_800 * 1_000_000_000) % Int128(resolution) == 0)
        }
    }
}
