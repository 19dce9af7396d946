/// The bytes of one buffer: a first-in first-out list of admitted batches of which any may end at any time.
///
/// A batch's node stays reserved until ``end(_:)``, also after it was dropped, so that its handle is never another's.
struct BufferAccount {
    /// What `dropOldest` does with an account that passed its limit, after M3's rule.
    enum Excess: Equatable { case none, dropLater, dropNow }

    private struct Node {
        var bytes: Int
        var sequence: UInt64
        var previous: Int32
        var next: Int32
        var isListed: Bool
    }

    let limit: Int
    private let spillLimit: Int
    private(set) var bytes = 0
    /// Batches with a lower sequence number are dropped.
    private(set) var dropBelow: UInt64 = 0
    private var nextSequence: UInt64 = 0
    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var head: Int32 = -1
    private var tail: Int32 = -1

    /// - Parameter spillover: share of the limit by which the account may exceed it until the next background drop.
    init(limit: Int, spillover: Double) {
        self.limit = limit
        let extra = (Double(limit) * max(0, spillover)).rounded(.down)
        spillLimit = limit &+ (extra < 1e15 ? Int(extra) : 0)
    }

    func hasRoom(for size: Int) -> Bool { size <= limit - bytes }

    var excess: Excess {
        if bytes <= limit { return .none }
        return bytes >= spillLimit ? .dropNow : .dropLater
    }

    /// Takes up a batch; the handle is for ``end(_:)``.
    mutating func admit(_ size: Int) -> (handle: Int32, sequence: UInt64) {
        let node = Node(bytes: size, sequence: nextSequence, previous: tail, next: -1, isListed: true)
        let handle: Int32
        if let reused = free.popLast() {
            handle = reused
            nodes[Int(reused)] = node
        } else {
            handle = Int32(truncatingIfNeeded: nodes.count)
            nodes.append(node)
        }
        if tail >= 0 { nodes[Int(tail)].next = handle } else { head = handle }
        tail = handle
        bytes += size
        defer { nextSequence += 1 }
        return (handle, nextSequence)
    }

    /// A batch has no references left.
    mutating func end(_ handle: Int32) {
        if nodes[Int(handle)].isListed { unlist(handle) }
        free.append(handle)
    }

    /// Drops the oldest batches until the limit holds. False when nothing had to be dropped.
    mutating func dropOldest() -> Bool {
        guard bytes > limit else { return false }
        while bytes > limit, head >= 0 {
            dropBelow = nodes[Int(head)].sequence + 1
            unlist(head)
        }
        return true
    }

    private mutating func unlist(_ handle: Int32) {
        let node = nodes[Int(handle)]
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { head = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous } else { tail = node.previous }
        nodes[Int(handle)].isListed = false
        bytes -= node.bytes
    }
}
