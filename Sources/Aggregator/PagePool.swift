import Glibc

typealias Words = UnsafeMutablePointer<UInt64>

/// Zeroed blocks of memory for 64 rows each, by the number of 64-bit words of a row.
///
/// Windows come and go all the time: their pages are used again, so that no flush costs an allocation.
final class PagePool {
    static let rowsPerPage = 64
    static let rowShift: UInt32 = 6

    private var idle: [[Words]] = []
    /// The fewest idle pages since the last trim: so many were not needed.
    private var leastIdle: [Int] = []
    private(set) var bytes = 0

    /// Counts memory of windows that lies elsewhere.
    func note(bytes more: Int) { bytes += more }

    deinit {
        for pages in idle { for page in pages { free(page) } }
    }

    /// A page of zeros; nil when there is no memory.
    func take(stride: Int) -> Words? {
        if stride < idle.count, let page = idle[stride].popLast() {
            leastIdle[stride] = min(leastIdle[stride], idle[stride].count)
            return page
        }
        guard let memory = calloc(Self.rowsPerPage, stride * 8) else { return nil }
        bytes += Self.rowsPerPage * stride * 8
        return memory.bindMemory(to: UInt64.self, capacity: Self.rowsPerPage * stride)
    }

    func give(_ page: Words, stride: Int) {
        while idle.count <= stride {
            idle.append([])
            leastIdle.append(0)
        }
        page.update(repeating: 0, count: Self.rowsPerPage * stride)
        idle[stride].append(page)
    }

    /// Frees the pages that nobody needed since the last trim.
    func trim() {
        for stride in idle.indices {
            for _ in 0..<leastIdle[stride] {
                guard let page = idle[stride].popLast() else { break }
                free(page)
                bytes -= Self.rowsPerPage * stride * 8
            }
            leastIdle[stride] = idle[stride].count
        }
    }
}

/// An array of pointers to pages, as many as its column has room for; a page that was never written is missing.
struct PageList {
    private(set) var pages: UnsafeMutablePointer<Words?>
    private(set) var capacity: Int

    init(capacity: Int) {
        pages = .allocate(capacity: capacity)
        pages.initialize(repeating: nil, count: capacity)
        self.capacity = capacity
    }

    func deallocate() { pages.deallocate() }

    mutating func grow(to larger: Int) {
        let new = UnsafeMutablePointer<Words?>.allocate(capacity: larger)
        new.update(from: pages, count: capacity)
        (new + capacity).initialize(repeating: nil, count: larger - capacity)
        pages.deallocate()
        pages = new
        capacity = larger
    }
}
