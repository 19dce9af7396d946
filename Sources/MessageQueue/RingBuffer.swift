/// A queue in one array whose length is a power of two. Indices count from the front.
struct RingBuffer<Element> {
    private var storage: [Element?] = []
    private var first = 0
    private(set) var count = 0

    @inline(__always)
    private func slot(_ index: Int) -> Int { (first &+ index) & (storage.count &- 1) }

    mutating func append(_ element: Element) {
        if count == storage.count { grow() }
        storage[slot(count)] = element
        count += 1
    }

    mutating func prepend(_ element: Element) {
        if count == storage.count { grow() }
        first = (first &- 1) & (storage.count &- 1)
        storage[first] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[first]
        storage[first] = nil
        first = (first + 1) & (storage.count - 1)
        count -= 1
        return element
    }

    private mutating func grow() {
        var larger = [Element?](repeating: nil, count: max(8, storage.count * 2))
        for index in 0..<count { larger[index] = storage[slot(index)] }
        storage = larger
        first = 0
    }
}
