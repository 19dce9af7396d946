/// Distinct values with small numbers, each kept for as long as somebody holds it: churn does not grow the table.
struct ReferencedTable<Key: Hashable, Value> {
    private struct Entry {
        var key: Key
        var value: Value
        var holders: Int
    }

    private var entries: [Entry?] = []
    private var numbers: [Key: UInt32] = [:]
    private var free: [UInt32] = []

    var count: Int { numbers.count }

    /// The value with a number that somebody holds.
    subscript(_ number: UInt32) -> Value? { entries[Int(number)]?.value }

    func number(of key: Key) -> UInt32? { numbers[key] }

    /// Adds a key that is not there, with no holder yet.
    mutating func add(_ key: Key, _ value: Value) -> UInt32 {
        let entry = Entry(key: key, value: value, holders: 0)
        let number: UInt32
        if let unused = free.popLast() {
            number = unused
            entries[Int(number)] = entry
        } else {
            number = UInt32(entries.count)
            entries.append(entry)
        }
        numbers[key] = number
        return number
    }

    mutating func retain(_ number: UInt32) { entries[Int(number)]?.holders += 1 }

    /// Gives up a hold; the last one removes the value.
    mutating func release(_ number: UInt32) {
        guard let entry = entries[Int(number)] else { return }
        entries[Int(number)]?.holders -= 1
        guard entry.holders <= 1 else { return }
        numbers[entry.key] = nil
        entries[Int(number)] = nil
        free.append(number)
    }
}
