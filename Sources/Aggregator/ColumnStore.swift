/// The columns of a worker by number, at addresses that no reference counting guards.
final class ColumnStore {
    @exclusivity(unchecked) private var base: UnsafeMutablePointer<Column>
    private var isUsed: [Bool] = []
    private var capacity = 64
    private var free: [UInt32] = []

    init() { base = .allocate(capacity: capacity) }

    deinit {
        for i in isUsed.indices where isUsed[i] { (base + i).deinitialize(count: 1) }
        base.deallocate()
    }

    /// A column that was added and not removed.
    @inline(__always)
    subscript(_ number: UInt32) -> UnsafeMutablePointer<Column> { base + Int(number) }

    var numbers: [UInt32] { isUsed.indices.filter { isUsed[$0] }.map { UInt32($0) } }

    func add(_ column: consuming Column) -> UInt32 {
        if let number = free.popLast() {
            (base + Int(number)).initialize(to: column)
            isUsed[Int(number)] = true
            return number
        }
        if isUsed.count == capacity {
            let larger = UnsafeMutablePointer<Column>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: base, count: capacity)
            base.deallocate()
            base = larger
            capacity *= 2
        }
        (base + isUsed.count).initialize(to: column)
        isUsed.append(true)
        return UInt32(isUsed.count - 1)
    }

    func remove(_ number: UInt32) {
        (base + Int(number)).deinitialize(count: 1)
        isUsed[Int(number)] = false
        free.append(number)
    }
}
