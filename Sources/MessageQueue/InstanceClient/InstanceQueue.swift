import NIOCore

/// The frames that wait to be written to one instance: a bounded number of buffers, each of them some frames. Pure.
///
/// A buffer that is being written stays the queue's until it's known how that ended, so that it's counted once.
struct InstanceQueue {
    /// Whole frames, one behind the other.
    struct Chunk {
        var bytes: ByteBuffer
        var messages: Int
        var failures = 0
    }

    /// Numbers of messages that ended without being written, by ``InstanceDropReason``.
    typealias Dropped = (reason: InstanceDropReason, messages: Int)

    private var waiting: [Chunk] = []
    private var head = 0
    private var underWay: [Chunk] = []
    private let maxChunks: Int
    private let onFull: InstanceClientOptions.OnFull

    /// Messages of all buffers, also those that are being written.
    private(set) var messages = 0
    /// Their bytes.
    private(set) var bytes = 0

    /// - Parameter maxChunks: rounded up to a power of two, as in M3.
    init(maxChunks: Int, onFull: InstanceClientOptions.OnFull) {
        var power = 1
        while power < min(max(maxChunks, 1), 1 << 24) { power *= 2 }
        self.maxChunks = power
        self.onFull = onFull
    }

    private var count: Int { waiting.count - head }
    var isEmpty: Bool { count == 0 && underWay.isEmpty }
    var isWriting: Bool { !underWay.isEmpty }
    var isHalfFull: Bool { count * 2 > maxChunks }

    /// Takes a buffer; a full queue lets go of its oldest one, or of this one.
    mutating func append(_ chunk: Chunk) -> Dropped? {
        var dropped: Dropped?
        if count >= maxChunks {
            guard onFull == .dropOldest else { return (.queueFullCurrent, chunk.messages) }
            dropped = (.queueFullOldest, removeFirst().messages)
        }
        waiting.append(chunk)
        messages += chunk.messages
        bytes += chunk.bytes.readableBytes
        return dropped
    }

    private mutating func removeFirst() -> Chunk {
        let chunk = waiting[head]
        waiting[head].bytes = ByteBuffer()
        head += 1
        if head > 64, head * 2 > waiting.count {
            waiting.removeFirst(head)
            head = 0
        }
        messages -= chunk.messages
        bytes -= chunk.bytes.readableBytes
        return chunk
    }

    /// What is to be written next, the buffers that fit into so many bytes together and at least one; nil while a write
    /// is under way or nothing waits.
    mutating func next(maxBytes: Int) -> ByteBuffer? {
        guard underWay.isEmpty, count > 0 else { return nil }
        var total = 0
        while count > 0 {
            let size = waiting[head].bytes.readableBytes
            guard underWay.isEmpty || total + size <= maxBytes else { break }
            let chunk = removeFirst()
            messages += chunk.messages
            bytes += size
            total += size
            underWay.append(chunk)
        }
        guard underWay.count > 1 else { return underWay.first?.bytes }
        var joined = ByteBuffer()
        joined.reserveCapacity(total)
        for chunk in underWay { joined.writeImmutableBuffer(chunk.bytes) }
        return joined
    }

    /// The system has taken what was being written.
    /// - Returns: how many messages that were.
    mutating func written() -> Int { endWrite().reduce(0) { $0 + $1.messages } }

    /// A write failed. Its buffers are written again, before all others, unless that was tried often enough. The
    /// receiver may get some of them twice; forwarded values bear versions and count once.
    /// - Parameter maxRetries: nil for no limit.
    mutating func failed(maxRetries: Int?) -> Dropped? {
        var lost = 0
        var again: [Chunk] = []
        for var chunk in endWrite() {
            chunk.failures += 1
            if let maxRetries, chunk.failures > maxRetries {
                lost += chunk.messages
            } else {
                again.append(chunk)
                messages += chunk.messages
                bytes += chunk.bytes.readableBytes
            }
        }
        waiting.replaceSubrange(0..<head, with: again)
        head = 0
        return lost > 0 ? (.writeFailed, lost) : nil
    }

    private mutating func endWrite() -> [Chunk] {
        let ended = underWay
        underWay = []
        for chunk in ended {
            messages -= chunk.messages
            bytes -= chunk.bytes.readableBytes
        }
        return ended
    }

    /// Lets go of everything.
    mutating func removeAll() -> Dropped? {
        let lost = messages
        waiting = []
        underWay = []
        (head, messages, bytes) = (0, 0, 0)
        return lost > 0 ? (.closed, lost) : nil
    }
}
