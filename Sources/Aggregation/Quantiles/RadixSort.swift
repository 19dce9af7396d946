/// Sorts doubles byte by byte: a third of the time of a comparison sort for a thousand values.
enum RadixSort {
    /// Ascending; −0 before +0.
    /// - Parameter values: without NaN.
    static func sort(_ values: inout [Double]) {
        if values.count <= 48 {
            values.withUnsafeMutableBufferPointer { insertionSort($0) }
            return
        }
        values.withUnsafeMutableBufferPointer { values in
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: values.count * 2) { keys in
                sort(values, keys)
            }
        }
    }

    static func insertionSort(_ values: UnsafeMutableBufferPointer<Double>) {
        guard let base = values.baseAddress else { return }
        var i = 1
        while i < values.count {
            let value = base[i]
            var j = i
            while j > 0 && value < base[j &- 1] {
                base[j] = base[j &- 1]
                j &-= 1
            }
            base[j] = value
            i &+= 1
        }
    }

    /// - Parameter keys: scratch for twice the number of values.
    private static func sort(_ values: UnsafeMutableBufferPointer<Double>, _ keys: UnsafeMutableBufferPointer<UInt64>) {
        guard let base = values.baseAddress, var from = keys.baseAddress else { return }
        let count = values.count
        var to = from + count
        let sign: UInt64 = 1 << 63
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 8 * 256) { counters in
            guard let counters = counters.baseAddress else { return }
            counters.initialize(repeating: 0, count: 8 * 256)
            var i = 0
            while i < count {
                let bits = base[i].bitPattern
                // Unsigned order of the keys is the order of the values: negative ones are reversed.
                let key = bits & sign == 0 ? bits | sign : ~bits
                from[i] = key
                var byte = 0
                while byte < 8 {
                    counters[byte &<< 8 | Int(truncatingIfNeeded: key &>> UInt64(byte &<< 3) & 0xff)] &+= 1
                    byte &+= 1
                }
                i &+= 1
            }
            var byte = 0
            while byte < 8 {
                let shift = UInt64(byte &<< 3)
                let counter = counters + (byte &<< 8)
                byte &+= 1
                // A byte that all keys share needs no pass.
                if counter[Int(truncatingIfNeeded: from[0] &>> shift & 0xff)] == count { continue }
                var position = 0
                var digit = 0
                while digit < 256 {
                    let size = counter[digit]
                    counter[digit] = position
                    position &+= size
                    digit &+= 1
                }
                i = 0
                while i < count {
                    let key = from[i]
                    let digit = Int(truncatingIfNeeded: key &>> shift & 0xff)
                    to[counter[digit]] = key
                    counter[digit] &+= 1
                    i &+= 1
                }
                swap(&from, &to)
            }
            i = 0
            while i < count {
                let key = from[i]
                base[i] = Double(bitPattern: key & sign == 0 ? ~key : key ^ sign)
                i &+= 1
            }
        }
    }
}
