import Metrics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The order in which answers list series: label by label, first the name, then the value, as Prometheus sorts.
public enum LabelOrder {
    public static func precedes(_ a: Labels, _ b: Labels) -> Bool {
        a.encoded.withUnsafeBytes { a in b.encoded.withUnsafeBytes { b in isLess(a, b) } }
    }

    private static func isLess(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard var left = try? EncodedTags.Iterator(a), var right = try? EncodedTags.Iterator(b) else {
            return a.count < b.count
        }
        while true {
            let x = try? left.next()
            let y = try? right.next()
            guard let y else { return false }
            guard let x else { return true }
            let names = compare(a, x.name, b, y.name)
            if names != 0 { return names < 0 }
            let values = compare(a, x.value, b, y.value)
            if values != 0 { return values < 0 }
        }
    }

    private static func compare(
        _ a: UnsafeRawBufferPointer, _ x: Range<Int>, _ b: UnsafeRawBufferPointer, _ y: Range<Int>
    ) -> Int {
        let common = min(x.count, y.count)
        if common > 0, let left = a.baseAddress, let right = b.baseAddress {
            let order = memcmp(left + x.lowerBound, right + y.lowerBound, common)
            if order != 0 { return Int(order) }
        }
        return x.count - y.count
    }
}
