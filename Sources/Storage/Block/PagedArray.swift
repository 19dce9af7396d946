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
