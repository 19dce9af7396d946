import Aggregation
import AggregatorExamples
import Metrics
import Testing

@testable import Aggregator

@Suite struct ColumnTests {
    private static let second: Int64 = 1_000_000_000

    private func column(_ pool: PagePool, maxWindows: Int = 100) -> Column {
        let key = ShapeKey(
            bucket: BucketKey(kind: .timed, resolutionNanos: 10 * Self.second, numForwardedTimes: 0),
            metricType: .counter, policy: Script.defaultPolicy, aggregationID: AggregationID([.sum]),
            transformations: [], isRolledUp: false, hasAffixes: true)
        let shape = ElementShape(key, types: [.sum], options: AggregatorOptions())
        return Column(
            shape: shape, shapeNumber: 0, timers: TimerPool(estimator: .standard, quantiles: []), shard: 3, bucket: 0,
            pool: pool, maxWindows: maxWindows)
    }

    private func add(_ column: inout Column, _ element: UInt32, at seconds: Int64) -> String {
        switch column.row(element, at: seconds * Self.second) {
        case .open(let words):
            Row(words, column.layout).addCounter(1)
            return "open"
        case .closed: return "closed"
        case .limit: return "limit"
        case .noMemory: return "no memory"
        }
    }

    private func expect(_ actual: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(actual == expected, sourceLocation: sourceLocation)
    }

    /// A window that few elements have costs few pages, however many elements there are.
    @Test func windowsTakeMemoryWhereTheyAreWritten() throws {
        let pool = PagePool()
        var column = column(pool)
        for series in 1...6_400 as ClosedRange<UInt32> { _ = column.addElement(series: series, target: 0) }
        let before = pool.bytes
        for window in 0..<90 as Range<Int64> { expect(add(&column, 5_000, at: 1_000 + 10 * window), "open") }
        #expect(pool.bytes - before == 90 * 64 * 16)
    }

    @Test func openWindowsHaveALimit() throws {
        var column = column(PagePool(), maxWindows: 2)
        let added = column.addElement(series: 1, target: 0)
        let element = try #require(added)
        expect(add(&column, element, at: 1_000), "open")
        expect(add(&column, element, at: 1_010), "open")
        expect(add(&column, element, at: 1_020), "limit")
        expect(add(&column, element, at: 1_009), "open")
    }

    @Test func pagesOfPublishedWindowsAreUsedAgainEmpty() throws {
        let pool = PagePool()
        var column = column(pool)
        for series in 1...200 as ClosedRange<UInt32> { _ = column.addElement(series: series, target: 0) }
        var bytes = 0
        for window in 0..<20 as Range<Int64> {
            for element in 0..<200 as Range<UInt32> { _ = add(&column, element, at: 1_000 + 10 * window) }
            if window == 0 { bytes = pool.bytes }
            let oldest = column.takeWindow(before: .max)
            let taken = try #require(oldest)
            var rows = 0
            taken.forEachRow { number, words in
                #expect(words[0] == 1 && words[1] == 1)
                #expect(number == rows)
                rows += 1
            }
            #expect(rows == 200)
            column.recycle(taken)
        }
        #expect(pool.bytes == bytes)
        pool.trim()
        pool.trim()
        #expect(pool.bytes < bytes)
    }

    @Test func elementsCloseTheirOwnWindowsOnly() throws {
        var column = column(PagePool())
        let added = (column.addElement(series: 1, target: 0), column.addElement(series: 2, target: 0))
        let first = try #require(added.0)
        let second = try #require(added.1)
        expect(add(&column, first, at: 1_000), "open")
        let oldest = column.takeWindow(before: .max)
        let window = try #require(oldest)
        let isLatest = column.close(window.start, of: column.element(first))
        #expect(isLatest)
        column.recycle(window)
        expect(add(&column, first, at: 1_009), "closed")
        expect(add(&column, second, at: 1_009), "open")
        expect(add(&column, first, at: 1_010), "open")
    }

    @Test func tombstonedElementsGoWithTheirLastWindow() throws {
        var column = column(PagePool())
        let added = column.addElement(series: 7, target: 3)
        let element = try #require(added)
        expect(add(&column, element, at: 1_000), "open")
        column.tombstone(element)
        var collected: [UInt32] = []
        column.collect { series, target, _ in collected += [series, target] }
        #expect(collected.isEmpty)
        let isEmptyBefore = column.isEmpty
        #expect(!isEmptyBefore)
        let oldest = column.takeWindow(before: .max)
        let window = try #require(oldest)
        column.recycle(window)
        column.collect { series, target, _ in collected += [series, target] }
        #expect(collected == [7, 3])
        let isEmpty = column.isEmpty
        #expect(isEmpty)
        let again = column.addElement(series: 8, target: 0)
        #expect(again == element)
    }
}
