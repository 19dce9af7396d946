import Metrics

/// All elements of one shape in one shard: a row for each, and for each open window a row of figures for each.
///
/// Rows lie in pages of 64, which exist only where something was written: a window that few elements have costs few
/// pages. Windows' pages go back to a pool when they are published. The row of an element itself holds, in words:
/// series and target · start of the last window closed · history of the transformations.
/// Source: `docs/aggregator.md`, columns.
struct Column: ~Copyable {
    struct Window {
        var start: Int64
        var list: PageList
        let stride: Int

        /// Calls with every row that has values, in the order of the elements.
        @inline(__always)
        func forEachRow(_ body: (_ number: UInt32, _ row: Words) -> Void) {
            for page in 0..<list.capacity {
                guard let rows = list.pages[page] else { continue }
                for i in 0..<PagePool.rowsPerPage where rows[i &* stride] != 0 {
                    body(UInt32(page << Int(PagePool.rowShift) | i), rows + i &* stride)
                }
            }
        }
    }

    enum RowLookup {
        case open(Words)
        /// Whether the last write to the window asked for it to be published again.
        case closed(isResent: Bool)
        case limit
        case noMemory
    }

    let shape: ElementShape
    let shapeNumber: UInt32
    let shard: UInt32
    let bucket: Int
    let layout: RowLayout
    let metricType: MetricType
    let resolutionNanos: Int64
    let phase: Int64
    let timers: TimerPool
    private let pool: PagePool
    private let maxWindows: Int

    // The window that was used last: nearly always the one that is wanted.
    private(set) var recentStart: Int64 = .max
    private var recentEnd: Int64 = .min
    private var recentPages: UnsafeMutablePointer<Words?>?

    /// No element has closed a window that begins later.
    private var closedThrough: Int64 = .min
    private var elements: PageList
    let elementStride: Int
    /// Rows that were ever used.
    private(set) var rowCount = 0
    private var freeRows: [UInt32] = []
    /// Elements that no series has any more, which go when their last window is published.
    private var tombstoned: [UInt32] = []
    /// Open windows in ascending order.
    private(set) var windows: [Window] = []
    /// What elements keep of windows that may be published again.
    var revisions: [UInt32: ElementRevisions] = [:]
    /// Whether an element of the column has ever been asked to publish windows again.
    var mayResend = false

    init(
        shape: ElementShape, shapeNumber: UInt32, timers: TimerPool, shard: UInt32, bucket: Int, pool: PagePool,
        maxWindows: Int
    ) {
        self.shape = shape
        self.shapeNumber = shapeNumber
        self.timers = timers
        self.shard = shard
        self.bucket = bucket
        layout = shape.layout
        metricType = shape.valueType
        resolutionNanos = shape.key.bucket.resolutionNanos
        phase = shape.phase
        self.pool = pool
        self.maxWindows = maxWindows
        elementStride = 2 + shape.binaryInputs + shape.addTotals
        elements = PageList(capacity: 4)
    }

    deinit {
        for window in windows { release(window.list, stride: window.stride) }
        release(elements, stride: elementStride)
    }

    private func release(_ list: PageList, stride: Int) {
        for i in 0..<list.capacity { if let page = list.pages[i] { pool.give(page, stride: stride) } }
        list.deallocate()
    }

    /// Neither elements nor windows: nothing would be lost with the column.
    var isEmpty: Bool { freeRows.count == rowCount && windows.isEmpty }

    // MARK: Elements

    /// A row for a new element; nil when there is no memory.
    mutating func addElement(series: UInt32, target: UInt32) -> UInt32? {
        let number: UInt32
        if let free = freeRows.popLast() {
            number = free
        } else {
            number = UInt32(rowCount)
            let page = rowCount >> Int(PagePool.rowShift)
            if page == elements.capacity { grow() }
            if elements.pages[page] == nil {
                guard let memory = pool.take(stride: elementStride) else { return nil }
                elements.pages[page] = memory
            }
            rowCount += 1
        }
        let row = element(number)
        row[0] = UInt64(target) << 32 | UInt64(series)
        row[1] = UInt64(bitPattern: .min)
        for i in 0..<shape.binaryInputs { row[2 + i] = Double.nan.bitPattern }
        for i in 0..<shape.addTotals { row[2 + shape.binaryInputs + i] = 0 }
        return number
    }

    private mutating func grow() {
        let larger = elements.capacity * 2
        elements.grow(to: larger)
        for i in windows.indices { windows[i].list.grow(to: larger) }
        forgetRecent()
    }

    /// The words of an element that was added.
    @inline(__always)
    func element(_ number: UInt32) -> Words {
        // Pages of added elements are there.
        elements.pages[Int(number >> PagePool.rowShift)].unsafelyUnwrapped
            + Int(number & UInt32(PagePool.rowsPerPage - 1)) &* elementStride
    }

    func series(_ number: UInt32) -> UInt32 { UInt32(truncatingIfNeeded: element(number)[0]) }
    func target(_ number: UInt32) -> UInt32 { UInt32(truncatingIfNeeded: element(number)[0] >> 32) }

    func setTarget(_ number: UInt32, _ target: UInt32) {
        element(number)[0] = UInt64(target) << 32 | UInt64(series(number))
    }

    mutating func tombstone(_ number: UInt32) { tombstoned.append(number) }

    /// Takes out the tombstoned elements that have nothing left to publish.
    mutating func collect(_ body: (_ series: UInt32, _ target: UInt32, _ revisions: ElementRevisions?) -> Void) {
        guard !tombstoned.isEmpty else { return }
        var kept: [UInt32] = []
        for number in tombstoned {
            if isInOpenWindow(number) {
                kept.append(number)
            } else {
                body(series(number), target(number), revisions.isEmpty ? nil : revisions.removeValue(forKey: number))
                element(number)[0] = 0
                freeRows.append(number)
            }
        }
        tombstoned = kept
    }

    private func isInOpenWindow(_ number: UInt32) -> Bool {
        windows.contains { window in
            guard let page = window.list.pages[Int(number >> PagePool.rowShift)] else { return false }
            return page[Int(number & UInt32(PagePool.rowsPerPage - 1)) * Int(layout.stride)] != 0
        }
    }

    // MARK: Windows

    /// The row of an element in the window that holds a time, both made when they are missing.
    @inline(__always)
    mutating func row(_ number: UInt32, at time: Int64) -> RowLookup {
        if time < recentStart || time >= recentEnd {
            guard select(time) else { return .limit }
        }
        if recentStart <= closedThrough, let lookup = publishedRow(number) { return lookup }
        return openRow(number)
    }

    /// What becomes of a value for a window that this or another element has published; nil when this one has not.
    @inline(never)
    private func publishedRow(_ number: UInt32) -> RowLookup? {
        guard let element = revisions[number] else {
            return lastClosed(number) == recentStart ? .closed(isResent: false) : nil
        }
        guard let window = element.window(at: recentStart), !window.isInRow else { return nil }
        if window.isClosed { return .closed(isResent: window.isResent) }
        let lookup = openRow(number)
        if case .open(let words) = lookup {
            words.update(from: window.figures, count: Int(layout.stride))
            window.isInRow = true
        }
        return lookup
    }

    @inline(__always)
    private func openRow(_ number: UInt32) -> RowLookup {
        let page = Int(number >> PagePool.rowShift)
        let offset = Int(number & UInt32(PagePool.rowsPerPage - 1)) &* Int(layout.stride)
        // Selecting a window sets them.
        let pages = recentPages.unsafelyUnwrapped
        if let rows = pages[page] { return .open(rows + offset) }
        guard let rows = pool.take(stride: Int(layout.stride)) else { return .noMemory }
        pages[page] = rows
        return .open(rows + offset)
    }

    /// Reads the head of the row that an addition to the recent window needs.
    @inline(__always)
    func touch(_ number: UInt32) -> UInt64 {
        let page = Int(number >> PagePool.rowShift)
        guard let rows = recentPages?[page] else { return 0 }
        return rows[Int(number & UInt32(PagePool.rowsPerPage - 1)) &* Int(layout.stride)]
    }

    @inline(__always)
    private func lastClosed(_ number: UInt32) -> Int64 { Int64(bitPattern: element(number)[1]) }

    /// Makes the window of a time the recent one; false at the limit of open windows.
    @inline(never)
    private mutating func select(_ time: Int64) -> Bool {
        let start = WindowAlignment.start(of: time, resolutionNanos: resolutionNanos, phase: phase)
        var position = windows.count
        while position > 0, windows[position - 1].start >= start { position -= 1 }
        if position == windows.count || windows[position].start != start {
            guard windows.count < maxWindows else { return false }
            windows.insert(
                Window(start: start, list: PageList(capacity: elements.capacity), stride: Int(layout.stride)),
                at: position)
        }
        recentStart = start
        recentEnd = start.addingSaturating(resolutionNanos)
        recentPages = windows[position].list.pages
        return true
    }

    private mutating func forgetRecent() {
        recentStart = .max
        recentEnd = .min
        recentPages = nil
    }

    /// Takes the oldest window out when it begins before a bound; ``recycle(_:)`` takes it back.
    mutating func takeWindow(before bound: Int64) -> Window? {
        guard let first = windows.first, first.start < bound else { return nil }
        windows.removeFirst()
        forgetRecent()
        return first
    }

    func recycle(_ window: Window) { release(window.list, stride: window.stride) }

    /// Closes an element's window when it is published: it takes no more values.
    /// - Returns: whether it is the latest one that the element has closed; earlier ones leave no trace.
    mutating func close(_ start: Int64, of element: Words) -> Bool {
        guard start > Int64(bitPattern: element[1]) else { return false }
        element[1] = UInt64(bitPattern: start)
        notePublished(start)
        return true
    }

    /// Values for windows up to this one are looked at more closely.
    mutating func notePublished(_ start: Int64) { closedThrough = max(closedThrough, start) }
}
