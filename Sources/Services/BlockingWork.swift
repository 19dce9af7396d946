import Dispatch

/// Work that blocks, kept off event loops and the cooperative pool.
enum BlockingWork {
    private static let queue = DispatchQueue(label: "m3agg.blocking", attributes: .concurrent)

    /// Runs the body and returns when it has.
    static func finish(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            run {
                body()
                continuation.resume()
            }
        }
    }

    static func run(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }
}
