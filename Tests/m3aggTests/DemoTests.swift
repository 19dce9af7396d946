import Metrics
import Testing

@testable import m3agg

struct DemoTrafficTests {
    /// A fixed sequence, so that every run sees the same traffic.
    private struct Fixed: RandomNumberGenerator {
        var state: UInt64 = 42

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private static let startMs: Int64 = 1_700_000_000_000

    private func key(_ labels: [(name: String, value: String)]) -> String {
        labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    }

    @Test func countersNeverFallAndTimesNeverGoBack() {
        var traffic = DemoTraffic(randomness: Fixed())
        var totals: [String: Double] = [:]
        var times: [String: Int64] = [:]
        var steps = 0
        for step in 0..<600 {
            let nowMs = Self.startMs + Int64(step) * 1_003
            for series in traffic.step(nowMs: nowMs) {
                let key = key(series.labels)
                for sample in series.samples {
                    #expect(sample.timeMs <= nowMs)
                    #expect(sample.timeMs >= times[key] ?? (nowMs - 1_000), "\(key) goes back in time")
                    #expect(sample.value.isFinite && sample.value >= 0)
                    times[key] = sample.timeMs
                    if series.kind == .counter {
                        #expect(sample.value >= totals[key] ?? 0, "\(key) falls")
                        #expect(sample.value == sample.value.rounded())
                        totals[key] = sample.value
                    }
                }
            }
            steps += 1
        }
        #expect(steps == 600)
        #expect(totals.count == 18)
        #expect(totals.values.allSatisfy { $0 > 0 })
    }

    @Test func labelsAreSortedAndSeriesDistinct() {
        var traffic = DemoTraffic(randomness: Fixed())
        let series = traffic.step(nowMs: Self.startMs)
        #expect(series.count == 36)
        #expect(Set(series.map { key($0.labels) }).count == series.count)
        for one in series {
            let names = one.labels.map(\.name)
            #expect(names == names.sorted())
            #expect(names.first == "__name__")
            #expect(!one.samples.isEmpty)
        }
        #expect(
            Set(series.compactMap { $0.labels.first?.value }) == [
                "demo_requests_total", "demo_inflight_requests", "demo_request_latency_seconds",
            ])
    }

    @Test func latenciesAreTimersWithinTheStep() {
        var traffic = DemoTraffic(randomness: Fixed())
        _ = traffic.step(nowMs: Self.startMs)
        for series in traffic.step(nowMs: Self.startMs + 1_000) where series.kind == .timer {
            #expect(series.samples.count <= 50)
            #expect(series.samples.allSatisfy { $0.timeMs > Self.startMs && $0.timeMs <= Self.startMs + 1_000 })
            #expect(series.samples.allSatisfy { $0.value > 0.0001 && $0.value < 60 })
            #expect(series.samples.map(\.timeMs) == series.samples.map(\.timeMs).sorted())
        }
    }

    @Test func aPauseAndAClockThatStandsStillDoNoHarm() {
        var traffic = DemoTraffic(randomness: Fixed())
        _ = traffic.step(nowMs: Self.startMs)
        let same = traffic.step(nowMs: Self.startMs)
        #expect(same.allSatisfy { $0.samples.allSatisfy { $0.timeMs == Self.startMs } })
        // After a pause of an hour the samples are of the last ten seconds.
        let later = traffic.step(nowMs: Self.startMs + 3_600_000)
        #expect(later.allSatisfy { $0.samples.allSatisfy { $0.timeMs > Self.startMs + 3_589_999 } })
    }
}

struct DemoBoardTests {
    private func labels(_ name: String, _ more: (name: String, value: String)...) throws -> Labels {
        try Labels([(name: "__name__", value: name), (name: "__rollup__", value: "true")] + more)
    }

    @Test func rowsAreSortedWithTheirNewestValueAndHistory() throws {
        var board = DemoBoard()
        #expect(board.isEmpty)
        let policy = try StoragePolicy(parsing: "10s:2d")
        let b = try labels("demo_b", (name: "service", value: "api"))
        let a = try labels("demo_a", (name: "service", value: "web"))
        for (index, value) in [1.0, 8].enumerated() {
            board.record(labels: b, policy: policy, timeMs: 1_700_000_000_000 + Int64(index) * 10_000, value: value)
        }
        board.record(labels: a, policy: policy, timeMs: 1_700_000_000_000, value: 3)
        #expect(!board.isEmpty)
        #expect(board.windows == 3)
        #expect(
            board.lines() == [
                "METRIC  LABELS       POLICY  WINDOW END  VALUE  HISTORY",
                "demo_a  service=web  10s:2d  22:13:20        3  ▅",
                "demo_b  service=api  10s:2d  22:13:30        8  ▁█",
            ])
    }

    @Test func seriesAndHistoryAreLimited() throws {
        var board = DemoBoard()
        let policy = try StoragePolicy(parsing: "10s:2d")
        for series in 0..<100 {
            for window in 0..<100 {
                board.record(
                    labels: try labels("demo_\(series)"), policy: policy, timeMs: Int64(window) * 10_000,
                    value: Double(window))
            }
        }
        #expect(board.windows == 10_000)
        let lines = board.lines()
        #expect(lines.count == DemoBoard.maxSeries + 1)
        #expect(lines.dropFirst().allSatisfy { $0.split(separator: " ").last?.count == DemoBoard.maxValues })
        #expect(lines.dropFirst().allSatisfy { $0.contains("▁") && $0.hasSuffix("█") })
    }

    @Test func withoutATerminalAValueIsALine() throws {
        let line = DemoBoard.plainLine(
            labels: try labels("demo_a", (name: "code", value: "200"), (name: "service", value: "api")),
            policy: try StoragePolicy(parsing: "10s:2d"), timeMs: 1_700_000_000_000, value: 12_345)
        #expect(line == "22:13:20 demo_a{code=\"200\",service=\"api\"} 10s:2d 12.35k")
    }
}
