/// A growing array of plain values that never moves: growth costs one page, not a copy of everything.
///
/// One owner at a time writes; readers need it to stand still.
final class PagedArray<Element: BitwiseCopyable> {
    private static var shift: Int { 6 }
    private static var pageCount: Int { 1 << shift }

    private var pages: [UnsafeMutablePointer<Element>] = []
    private let initial: Element
    private(set) var count = 0

    init(repeating initial: Element) { self.initial = initial }

    deinit { for page in pages { page.deallocate() } }

    var byteCount: Int { pages.count &* Self.pageCount &* MemoryLayout<Element>.stride }

    /// Adds the initial value at the end and returns its index.
    func grow() -> Int {
        if count == pages.count &* Self.pageCount {
            let page = UnsafeMutablePointer<Element>.allocate(capacity: Self.pageCount)
            page.initialize(repeating: initial, count: Self.pageCount)
            pages.append(page)
        }
        count &+= 1
        return count &- 1
    }

    /// The place of an element that exists.
    @inline(__always) func pointer(_ index: Int) -> UnsafeMutablePointer<Element> {
        precondition(index >= 0 && index < count)
        return pages[index &>> Self.shift] + (index & (Self.pageCount &- 1))
    }
}

/// Series id → slot of an open block, in pages of 1,024 ids that are made when they are needed: two loads a look-up.
struct SlotTable {
    static let none = UInt32.max
    private static let shift: UInt32 = 10
    private static let pageCount = 1_024
    private var pages: [[UInt32]] = []
    private(set) var byteCount = 0

    @inline(__always) subscript(_ series: UInt32) -> UInt32 {
        let page = Int(series >> Self.shift)
        guard page < pages.count, !pages[page].isEmpty else { return Self.none }
        return pages[page][Int(series) & (Self.pageCount &- 1)]
    }

    mutating func set(_ series: UInt32, to slot: UInt32) {
        let page = Int(series >> Self.shift)
        while pages.count <= page { pages.append([]) }
        if pages[page].isEmpty {
            pages[page] = Array(repeating: Self.none, count: Self.pageCount)
            byteCount += Self.pageCount * 4
        }
        pages[page][Int(series) & (Self.pageCount &- 1)] = slot
    }
}
