import Dispatch

/// Work that blocks, kept off event loops and the cooperative pool.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "m3agg.blocking", attributes: .concurrent)

    static func run(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }
}
