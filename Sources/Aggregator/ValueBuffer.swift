/// Room for the values of one batch, used again for the next. A batch has as many as its message has room for.
final class ValueBuffer {
    private var memory: UnsafeMutablePointer<Double>
    private var capacity = 256
    private var count = 0

    init() { memory = .allocate(capacity: capacity) }

    deinit { memory.deallocate() }

    var values: UnsafeBufferPointer<Double> { UnsafeBufferPointer(start: memory, count: count) }

    /// Empties the buffer and makes room.
    func removeAll(keeping room: Int) {
        count = 0
        guard room > capacity else { return }
        memory.deallocate()
        capacity = room
        memory = .allocate(capacity: capacity)
    }

    /// Appends one of the values that there is room for.
    @inline(__always)
    func append(_ value: Double) {
        precondition(count < capacity)
        memory[count] = value
        count &+= 1
    }
}
