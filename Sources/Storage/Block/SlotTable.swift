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
