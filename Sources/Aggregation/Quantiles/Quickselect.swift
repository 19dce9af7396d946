/// Puts the values of some ranks where a sort would put them, without sorting the rest.
enum Quickselect {
    /// Rearranges values so that, for each index, the value there is the one that sorting would bring.
    ///
    /// O(n log k) for n values and k indices; a run of bad pivots ends in a sort, so that no input is quadratic.
    /// - Parameters:
    ///   - values: without NaN.
    ///   - indices: ascending, each within the values.
    ///   - patience: how many partitions per doubling of the values are made before sorting the rest.
    static func select(
        _ values: UnsafeMutableBufferPointer<Double>, _ indices: Slice<UnsafeMutableBufferPointer<Int>>,
        patience: Int = 2
    ) {
        guard let base = values.baseAddress, !indices.isEmpty else { return }
        select(base, 0, values.count - 1, indices, patience)
    }

    private static func select(
        _ base: UnsafeMutablePointer<Double>, _ first: Int, _ last: Int,
        _ indices: Slice<UnsafeMutableBufferPointer<Int>>, _ patience: Int
    ) {
        // The middle index first: it splits both the values and the other indices.
        let middle = indices.startIndex + indices.count / 2
        let index = indices[middle]
        selectOne(base, first, last, index, patience)
        let lower = indices[..<middle].prefix { $0 < index }
        let upper = indices[(middle + 1)...].drop { $0 == index }
        if !lower.isEmpty { select(base, first, index - 1, lower, patience) }
        if !upper.isEmpty { select(base, index + 1, last, upper, patience) }
    }

    private static func selectOne(
        _ base: UnsafeMutablePointer<Double>, _ first: Int, _ last: Int, _ index: Int, _ patience: Int
    ) {
        var low = first
        var high = last
        var roundsLeft = patience * (Int.bitWidth - (high - low + 1).leadingZeroBitCount)
        while high - low >= 24 {
            if roundsLeft == 0 {
                var rest = UnsafeMutableBufferPointer(start: base + low, count: high - low + 1)
                rest.sort()
                return
            }
            roundsLeft -= 1
            let pivot = medianOfThree(base[low], base[(low + high) >> 1], base[high])
            var i = low
            var j = high
            while i <= j {
                while base[i] < pivot { i &+= 1 }
                while pivot < base[j] { j &-= 1 }
                if i <= j {
                    let value = base[i]
                    base[i] = base[j]
                    base[j] = value
                    i &+= 1
                    j &-= 1
                }
            }
            if index <= j {
                high = j
            } else if index >= i {
                low = i
            } else {
                return
            }
        }
        if low < high {
            RadixSort.insertionSort(UnsafeMutableBufferPointer(start: base + low, count: high - low + 1))
        }
    }

    @inline(__always) private static func medianOfThree(_ a: Double, _ b: Double, _ c: Double) -> Double {
        Swift.max(Swift.min(a, b), Swift.min(Swift.max(a, b), c))
    }
}
