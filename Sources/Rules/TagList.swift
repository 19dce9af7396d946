#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The labels of one metric, copied into one buffer, as filters and rollups read them. Reusable.
public struct TagList: Sendable {
    struct Entry {
        var nameOffset: Int
        var nameCount: Int
        var valueOffset: Int
        var valueCount: Int
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    private var metricName: Range<Int>?
    private let nameTag: [UInt8]

    /// - Parameter nameTag: the label whose value is the metric name.
    public init(nameTag: String = "__name__") { self.nameTag = Array(nameTag.utf8) }

    public var count: Int { entries.count }

    /// Back to no labels; the memory is kept.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        metricName = nil
    }

    public mutating func append(name: some Collection<UInt8>, value: some Collection<UInt8>) {
        let nameOffset = bytes.count
        bytes.append(contentsOf: name)
        let valueOffset = bytes.count
        bytes.append(contentsOf: value)
        entries.append(
            Entry(
                nameOffset: nameOffset, nameCount: valueOffset - nameOffset, valueOffset: valueOffset,
                valueCount: bytes.count - valueOffset))
        if bytes[nameOffset..<valueOffset].elementsEqual(nameTag) { metricName = valueOffset..<bytes.count }
    }

    /// Sets the metric name of an id that does not hold it as a label.
    public mutating func setMetricName(_ name: some Collection<UInt8>) {
        let offset = bytes.count
        bytes.append(contentsOf: name)
        metricName = offset..<bytes.count
    }

    /// Orders the labels bytewise by name, which matching expects. Labels of one name keep their order.
    public mutating func sort() {
        let ordered = withView { view in
            (0..<view.count).sorted { a, b in
                let order = view.compare(a, b)
                return order == 0 ? a < b : order < 0
            }
        }
        entries = ordered.map { entries[$0] }
    }

    /// Removes the labels whose names begin with a prefix as M3 does: the last label takes the place of each.
    ///
    /// The order that comes out is that of the metric's id on the wire. Source: `docs/ids-and-tags.md`.
    public mutating func swapRemove(prefix: [UInt8]) {
        var index = 0
        while index < entries.count {
            let entry = entries[index]
            let name = bytes[entry.nameOffset..<(entry.nameOffset + entry.nameCount)]
            if name.starts(with: prefix) {
                entries.swapAt(index, entries.count - 1)
                entries.removeLast()
            } else {
                index += 1
            }
        }
    }

    /// The labels in their present order.
    public var pairs: [(name: [UInt8], value: [UInt8])] {
        entries.map {
            (
                Array(bytes[$0.nameOffset..<($0.nameOffset + $0.nameCount)]),
                Array(bytes[$0.valueOffset..<($0.valueOffset + $0.valueCount)])
            )
        }
    }

    /// Unsafe reading access for the time of a call.
    struct View {
        let bytes: UnsafeRawBufferPointer
        let entries: UnsafeBufferPointer<Entry>
        let metricName: UnsafeRawBufferPointer?

        var count: Int { entries.count }

        @inline(__always) func name(_ index: Int) -> UnsafeRawBufferPointer {
            let entry = entries[index]
            return UnsafeRawBufferPointer(
                rebasing: bytes[entry.nameOffset..<(entry.nameOffset &+ entry.nameCount)])
        }

        @inline(__always) func value(_ index: Int) -> UnsafeRawBufferPointer {
            let entry = entries[index]
            return UnsafeRawBufferPointer(
                rebasing: bytes[entry.valueOffset..<(entry.valueOffset &+ entry.valueCount)])
        }

        /// Bytewise order of a label's name and another name: negative, 0 or positive.
        @inline(__always) func compareName(_ index: Int, _ other: [UInt8]) -> Int {
            other.withUnsafeBytes { Self.compare(name(index), $0) }
        }

        func compare(_ a: Int, _ b: Int) -> Int { Self.compare(name(a), name(b)) }

        @inline(__always) static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
            let common = min(a.count, b.count)
            if common > 0, let first = a.baseAddress, let second = b.baseAddress {
                let order = memcmp(first, second, common)
                if order != 0 { return Int(order) }
            }
            return a.count &- b.count
        }
    }

    func withView<Result>(_ body: (View) -> Result) -> Result {
        bytes.withUnsafeBytes { bytes in
            entries.withUnsafeBufferPointer { entries in
                body(
                    View(
                        bytes: bytes, entries: entries,
                        metricName: metricName.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }))
            }
        }
    }
}
