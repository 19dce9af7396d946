#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Makes the canonical bytes of ``Labels``: sorted bytewise by name, names unique.
enum LabelsEncoder {
    enum Canonical {
        /// The first so many bytes are canonical as they stand.
        case sorted(count: Int)
        case resorted([UInt8])
    }

    /// Validates encoded tags; they are only copied when their order is not the canonical one.
    static func scan(_ bytes: UnsafeRawBufferPointer) throws(MetricsError) -> Canonical {
        var tags = try EncodedTags.Iterator(bytes)
        var previous: Range<Int>?
        while let tag = try tags.next() {
            if let previous, compare(bytes, previous, tag.name) >= 0 {
                return .resorted(try resort(bytes))
            }
            previous = tag.name
        }
        try checkSize(tags.offset)
        return .sorted(count: tags.offset)
    }

    static func encode(_ pairs: [(name: [UInt8], value: [UInt8])]) throws(MetricsError) -> [UInt8] {
        var isSorted = true
        for index in pairs.indices.dropFirst()
        where !pairs[index - 1].name.lexicographicallyPrecedes(pairs[index].name) {
            isSorted = false
        }
        var builder = EncodedTags.Builder()
        var previous: [UInt8]?
        for pair in isSorted ? pairs : pairs.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            if pair.name == previous { throw duplicate(pair.name) }
            try builder.append(name: pair.name, value: pair.value)
            try checkSize(builder.bytes.count)
            previous = pair.name
        }
        return builder.bytes
    }

    private static func resort(_ bytes: UnsafeRawBufferPointer) throws(MetricsError) -> [UInt8] {
        var tags = try EncodedTags.Iterator(bytes)
        var ranges: [(name: Range<Int>, value: Range<Int>)] = []
        while let tag = try tags.next() { ranges.append(tag) }
        try checkSize(tags.offset)
        ranges.sort { compare(bytes, $0.name, $1.name) < 0 }
        var builder = EncodedTags.Builder()
        for (index, tag) in ranges.enumerated() {
            if index > 0, compare(bytes, ranges[index - 1].name, tag.name) == 0 {
                throw duplicate(Array(bytes[tag.name]))
            }
            try builder.append(name: bytes[tag.name], value: bytes[tag.value])
        }
        return builder.bytes
    }

    private static func checkSize(_ count: Int) throws(MetricsError) {
        guard count <= Labels.maxEncodedBytes else {
            throw .invalidEncodedTags(
                "labels of \(count) bytes and more: at most \(Labels.maxEncodedBytes)")
        }
    }

    private static func duplicate(_ name: [UInt8]) -> MetricsError {
        .invalidEncodedTags("label name '\(String(decoding: name, as: UTF8.self))' occurs twice")
    }

    private static func compare(_ bytes: UnsafeRawBufferPointer, _ a: Range<Int>, _ b: Range<Int>)
        -> Int
    {
        compare(UnsafeRawBufferPointer(rebasing: bytes[a]), UnsafeRawBufferPointer(rebasing: bytes[b]))
    }

    /// Bytewise order: negative, 0 or positive.
    static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let common = Swift.min(a.count, b.count)
        if common > 0, let first = a.baseAddress, let second = b.baseAddress {
            let order = memcmp(first, second, common)
            if order != 0 { return Int(order) }
        }
        return a.count &- b.count
    }
}
