/// The order in which M3 takes values out of its buffer when a NaN is among them.
///
/// M3 keeps the buffer as a binary min-heap and sorts it in place. Without NaN that is just ascending order; with NaN,
/// to which no comparison applies, the outcome depends on the exact steps, so these are they.
enum CMHeap {
    /// - Parameter values: in order of arrival; afterwards in the order in which M3 inserts them.
    static func sortWithNaN(_ values: inout [Double]) {
        for index in values.indices { siftUp(&values, index) }
        var count = values.count
        while count > 1 {
            count -= 1
            values.swapAt(0, count)
            siftDown(&values, count)
        }
        // The heap sort leaves descending order.
        values.reverse()
    }

    private static func siftUp(_ heap: inout [Double], _ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            if heap[parent] <= heap[index] { return }
            heap.swapAt(parent, index)
            index = parent
        }
    }

    private static func siftDown(_ heap: inout [Double], _ count: Int) {
        var index = 0
        while true {
            let left = 2 * index + 1
            let right = left + 1
            var smallest = index
            if left < count, heap[left] < heap[smallest] { smallest = left }
            if right < count, heap[right] < heap[smallest] { smallest = right }
            if smallest == index { return }
            heap.swapAt(index, smallest)
            index = smallest
        }
    }
}
