import Metrics

/// A window of one element that was published and may be published again, with what has to be known for that.
final class RevisableWindow {
    let start: Int64
    private let memory: Words
    private let pool: PagePool
    private let byteCount: Int
    /// The figures of the row, while they are not in one of the column.
    let figures: Words
    /// What went into the binary transformation, for each type.
    let inputs: Words
    /// What was published, for each type.
    let emitted: Words
    /// The totals of Add before and after this window, when they are kept for each type.
    let totalsBefore: Words
    let totalsAfter: Words

    /// A window that was published before its element was asked to publish again has none.
    var hasFigures = false
    /// Whether the figures are in the column, where new values have arrived.
    var isInRow = false
    /// Whether new values wait for the flush at hand.
    var isPending = false
    var isClosed = false
    /// Whether the last write before the last flush asked for the window to be published again.
    var isResent = false
    var wasFlushed = false
    /// Values that were counted as consumed.
    var consumedCount: UInt64 = 0

    /// - Parameter pool: counts the memory.
    init(start: Int64, shape: ElementShape, pool: PagePool) {
        self.start = start
        self.pool = pool
        let stride = Int(shape.layout.stride)
        let totals = shape.addsPerType ? shape.addTotals : 0
        let wordCount = stride + shape.binaryInputs + shape.types.count + 2 * totals
        memory = .allocate(capacity: wordCount)
        memory.initialize(repeating: 0, count: wordCount)
        // The words, the object, and its place in the list.
        byteCount = wordCount * 8 + 136
        pool.note(bytes: byteCount)
        figures = memory
        inputs = figures + stride
        emitted = inputs + shape.binaryInputs
        totalsBefore = emitted + shape.types.count
        totalsAfter = totalsBefore + totals
    }

    deinit {
        memory.deallocate()
        pool.note(bytes: -byteCount)
    }

    func lastEmitted(_ type: Int) -> Double { Double(bitPattern: emitted[type]) }
}

/// What an element keeps of its published windows, oldest first: those that may be published again, and the last one
/// that is closed.
final class ElementRevisions {
    private(set) var windows: [RevisableWindow] = []

    func window(at start: Int64) -> RevisableWindow? { windows.last { $0.start == start } }

    func insert(_ window: RevisableWindow) {
        var position = windows.count
        while position > 0, windows[position - 1].start > window.start { position -= 1 }
        windows.insert(window, at: position)
    }

    func removeFirst(_ count: Int) { windows.removeFirst(count) }

    /// Closes every window that can no longer change.
    /// - Parameters:
    ///   - bound: windows that begin earlier are ready to be published.
    ///   - resendBound: windows that begin earlier take no more values, even when they may be published again.
    /// - Returns: how many of the oldest windows nobody needs any more.
    func close(before bound: Int64, resendBound: Int64) -> Int {
        var closed = 0
        for window in windows {
            guard window.start < bound, !window.isResent || window.start < resendBound, !window.isInRow else { break }
            window.isClosed = true
            closed += 1
        }
        return max(closed - 1, 0)
    }
}
