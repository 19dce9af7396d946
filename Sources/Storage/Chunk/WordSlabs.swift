/// Memory for many growing streams of 32-bit words: lists of small slabs from a shared pool.
///
/// A slab is 64 bytes, 15 words and the index of the next slab; freed slabs are reused. One owner at a time writes;
/// readers need it to stand still. 64 bytes keep the waste at half a slab per stream and 1/16 for the links.
final class WordSlabs {
    static let wordsPerSlab = 15
    static let none = UInt32.max
    private static let stride = 16
    private static let slabsPerPage = 256
    private static let pageShift: UInt32 = 8

    private var pages: [UnsafeMutablePointer<UInt32>] = []
    private var allocated: UInt32 = 0
    private var firstFree = WordSlabs.none
    private(set) var slabsInUse = 0

    deinit { for page in pages { page.deallocate() } }

    var byteCount: Int { slabsInUse &* Self.stride &* 4 }

    @inline(__always) private func slab(_ index: UInt32) -> UnsafeMutablePointer<UInt32> {
        pages[Int(index >> Self.pageShift)]
            + (Int(index) & (Self.slabsPerPage &- 1)) &* Self.stride
    }

    private func allocate() -> UInt32 {
        slabsInUse &+= 1
        if firstFree != Self.none {
            let index = firstFree
            firstFree = slab(index)[Self.wordsPerSlab]
            return index
        }
        if Int(allocated) & (Self.slabsPerPage &- 1) == 0 {
            pages.append(.allocate(capacity: Self.slabsPerPage &* Self.stride))
        }
        allocated &+= 1
        return allocated &- 1
    }

    /// Appends a word to a stream that holds `count` words in the slabs from `head` to `tail`.
    @inline(__always) func append(_ word: UInt32, count: Int, head: inout UInt32, tail: inout UInt32) {
        let position = count % Self.wordsPerSlab
        if position == 0 {
            let new = allocate()
            slab(new)[Self.wordsPerSlab] = Self.none
            if count == 0 { head = new } else { slab(tail)[Self.wordsPerSlab] = new }
            tail = new
        }
        slab(tail)[position] = word
    }

    /// Copies a stream's words, big-endian, to the end of some bytes.
    func copy(head: UInt32, count: Int, to bytes: inout [UInt8]) {
        var index = head
        var remaining = count
        while remaining > 0, index != Self.none {
            let words = slab(index)
            for position in 0..<min(remaining, Self.wordsPerSlab) {
                withUnsafeBytes(of: words[position].bigEndian) { bytes.append(contentsOf: $0) }
            }
            remaining &-= Self.wordsPerSlab
            index = words[Self.wordsPerSlab]
        }
    }

    /// Gives a stream's slabs back.
    func free(head: UInt32, count: Int) {
        var index = head
        var remaining = count
        while remaining > 0, index != Self.none {
            let next = slab(index)[Self.wordsPerSlab]
            slab(index)[Self.wordsPerSlab] = firstFree
            firstFree = index
            slabsInUse &-= 1
            remaining &-= Self.wordsPerSlab
            index = next
        }
    }
}
