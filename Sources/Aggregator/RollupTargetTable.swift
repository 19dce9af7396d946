/// The rollups that elements forward to, each kept once for as long as a metadata or an element names it.
struct RollupTargetTable {
    private var entries: [RollupTarget?] = [nil]
    private var users: [Int] = [0]
    private var indices: [RollupTarget: UInt32] = [:]
    private var free: [UInt32] = []

    var count: Int { indices.count }

    /// The index of a target, with one use more. Never 0, which stands for "none".
    mutating func intern(_ target: RollupTarget) -> UInt32 {
        if let index = indices[target] {
            users[Int(index)] += 1
            return index
        }
        let index: UInt32
        if let known = free.popLast() {
            index = known
            entries[Int(index)] = target
            users[Int(index)] = 1
        } else {
            index = UInt32(entries.count)
            entries.append(target)
            users.append(1)
        }
        indices[target] = index
        return index
    }

    subscript(_ index: UInt32) -> RollupTarget? { entries[Int(index)] }

    mutating func retain(_ index: UInt32) { users[Int(index)] += 1 }

    /// Gives up one use; the target is forgotten with the last one.
    mutating func release(_ index: UInt32) {
        guard let target = entries[Int(index)] else { return }
        users[Int(index)] -= 1
        guard users[Int(index)] <= 0 else { return }
        indices[target] = nil
        entries[Int(index)] = nil
        free.append(index)
    }
}
