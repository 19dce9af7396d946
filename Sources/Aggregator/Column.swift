import Aggregation
import Metrics

/// All elements of one shape in one shard: a row for each, and for each open window an array per figure.
///
/// A flush walks the arrays from start to end; their memory is used again for later windows. As in ``Window``, the
/// checks for overlapping accesses are off where every value passes.
/// Source: `docs/aggregator.md`, columns.
final class Column {
    let shape: ElementShape
    let shapeIndex: UInt32
    let shard: UInt32
    let kind: ListKind
    let resolutionNanos: Int64
    let metricType: MetricType

    /// The record of each row's series; 0 marks a free row.
    @exclusivity(unchecked) private(set) var series: UnsafeMutablePointer<UInt32>
    /// The rollup target of each row.
    @exclusivity(unchecked) private(set) var targets: UnsafeMutablePointer<UInt32>
    /// The transformation history of each row.
    @exclusivity(unchecked) var history: TransformationHistory?
    @exclusivity(unchecked) private(set) var rowCount = 0
    @exclusivity(unchecked) private var capacity: Int
    private var freeRows: [UInt32] = []
    /// Rows that no series names any more, which go when their last window is published.
    private(set) var tombstoned: Set<UInt32> = []

    /// Open windows in ascending order.
    @exclusivity(unchecked) private(set) var windows: [Window] = []
    @exclusivity(unchecked) private var recent: Window?
    @exclusivity(unchecked) private var spare: Window?
    /// Windows that begin before this are closed.
    @exclusivity(unchecked) private(set) var closedBefore = Int64.min
    /// Keeps reading ahead from being optimised away.
    @exclusivity(unchecked) private var seen: UInt32 = 0
    let sourceWords: Int
    private let maxWindows: Int

    init(shape: ElementShape, shapeIndex: UInt32, shard: UInt32, numShards: UInt32, maxWindows: Int) {
        self.shape = shape
        self.shapeIndex = shapeIndex
        self.shard = shard
        self.maxWindows = maxWindows
        kind = shape.key.bucket.kind
        resolutionNanos = shape.key.bucket.resolutionNanos
        metricType = shape.key.metricType
        sourceWords = kind == .forwarded ? (Int(numShards) + 63) / 64 : 0
        capacity = 8
        series = .allocate(capacity: capacity)
        targets = .allocate(capacity: capacity)
        if shape.hasBinary || shape.addCount > 0 { history = TransformationHistory(shape) }
        history?.grow(to: capacity)
    }

    deinit {
        series.deallocate()
        targets.deallocate()
    }

    var liveRows: Int { rowCount - freeRows.count }

    var memoryBytes: Int {
        capacity * (8 + (history?.bytesPerRow ?? 0))
            + (windows.count + (spare == nil ? 0 : 1)) * capacity * Window.bytesPerRow(self)
    }

    // MARK: Rows

    func addRow(series record: UInt32, target: UInt32) -> UInt32 {
        let row: Int
        if let free = freeRows.popLast() {
            row = Int(free)
        } else {
            if rowCount == capacity { grow() }
            row = rowCount
            rowCount += 1
        }
        series[row] = record
        targets[row] = target
        history?.clear(row)
        return UInt32(row)
    }

    func tombstone(_ row: UInt32) { tombstoned.insert(row) }

    /// Frees tombstoned rows without values in open windows; the caller gives their records and targets back.
    func collect(_ release: (_ series: UInt32, _ target: UInt32) -> Void) {
        guard !tombstoned.isEmpty else { return }
        for row in tombstoned where !windows.contains(where: { $0.count[Int(row)] > 0 }) {
            release(series[Int(row)], targets[Int(row)])
            series[Int(row)] = 0
            freeRows.append(row)
            tombstoned.remove(row)
        }
    }

    private func grow() {
        let larger = capacity + max(capacity / 2, 8)
        series = Self.move(series, capacity, larger)
        targets = Self.move(targets, capacity, larger)
        history?.grow(to: larger)
        for window in windows { window.grow(from: capacity, to: larger) }
        spare = nil
        capacity = larger
    }

    static func move<T>(_ old: UnsafeMutablePointer<T>, _ count: Int, _ larger: Int) -> UnsafeMutablePointer<T> {
        let new = UnsafeMutablePointer<T>.allocate(capacity: larger)
        new.moveInitialize(from: old, count: count)
        old.deallocate()
        return new
    }

    /// Reads the count of a row in the window that is written to.
    @inline(__always)
    func readAhead(_ row: Int) {
        if let recent { seen &+= recent.count[row] }
    }

    // MARK: Windows

    /// The window that begins at a time, made when it is missing.
    @inline(__always)
    func window(_ start: Int64) -> WindowLookup {
        if let recent, recent.start == start { return .open(recent) }
        return findWindow(start)
    }

    enum WindowLookup {
        case open(Window)
        case closed
        case limit
    }

    private func findWindow(_ start: Int64) -> WindowLookup {
        if start < closedBefore { return .closed }
        var position = windows.count
        while position > 0, windows[position - 1].start >= start {
            position -= 1
            if windows[position].start == start {
                recent = windows[position]
                return .open(windows[position])
            }
        }
        guard windows.count < maxWindows else { return .limit }
        let window = spare ?? Window(self, capacity: capacity)
        spare = nil
        window.start = start
        windows.insert(window, at: position)
        recent = window
        return .open(window)
    }

    /// Takes the oldest window out when it begins before a bound; give it back with ``recycle(_:)``.
    func takeWindow(before bound: Int64) -> Window? {
        guard let first = windows.first, first.start < bound else { return nil }
        windows.removeFirst()
        if recent === first { recent = nil }
        return first
    }

    func close(before bound: Int64) { closedBefore = max(closedBefore, bound) }

    func recycle(_ window: Window) {
        window.clear(rows: rowCount)
        // One spare is what alternates with the open window; columns without series keep none.
        spare = liveRows > 0 ? window : nil
    }
}
