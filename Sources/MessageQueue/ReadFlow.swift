import NIOCore
import Synchronization

/// Decides whether a connection may read: counted pauses and bytes that the consumer holds. Any thread may change them.
final class ReadFlow: Sendable {
    /// Fired through the pipeline when reading may go on.
    struct Resume: Sendable {}

    private let channel: any Channel
    private let limit: Int
    private let heldBytes = Atomic<Int>(0)
    private let pauses = Atomic<Int>(0)
    /// Set by the handler when it stops reading: somebody has to wake it.
    private let isWaiting = Atomic<Bool>(false)

    init(channel: any Channel, limit: Int) {
        self.channel = channel
        self.limit = limit
    }

    var held: Int { heldBytes.load(ordering: .acquiring) }

    func charge(_ bytes: Int) { heldBytes.add(bytes, ordering: .relaxed) }

    func release(_ bytes: Int) {
        heldBytes.subtract(bytes, ordering: .sequentiallyConsistent)
        wakeIfAllowed()
    }

    func pause() { pauses.add(1, ordering: .sequentiallyConsistent) }

    /// A resume without its pause is ignored.
    func resume() {
        var count = pauses.load(ordering: .relaxed)
        while count > 0 {
            let (done, seen) = pauses.weakCompareExchange(
                expected: count, desired: count - 1, ordering: .sequentiallyConsistent)
            if done { break }
            count = seen
        }
        wakeIfAllowed()
    }

    /// Asked by the handler before each read. False promises a ``Resume`` event once reading may go on.
    func mayRead() -> Bool {
        if isOpen(below: limit) { return true }
        isWaiting.store(true, ordering: .sequentiallyConsistent)
        guard isOpen(below: limit / 2), isWaiting.exchange(false, ordering: .sequentiallyConsistent) else {
            return false
        }
        return true
    }

    private func isOpen(below limit: Int) -> Bool {
        pauses.load(ordering: .sequentiallyConsistent) == 0
            && heldBytes.load(ordering: .sequentiallyConsistent) <= limit
    }

    private func wakeIfAllowed() {
        guard isWaiting.load(ordering: .sequentiallyConsistent), isOpen(below: limit / 2),
            isWaiting.exchange(false, ordering: .sequentiallyConsistent)
        else { return }
        // Never synchronously: a batch may be released from within the handler's own read.
        channel.eventLoop.execute { [channel] in channel.pipeline.fireUserInboundEventTriggered(Resume()) }
    }
}
