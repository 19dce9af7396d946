import NIOCore
import Testing

@testable import MessageQueue

@Suite struct InstanceQueueTests {
    private func chunk(_ text: String, messages: Int = 1) -> InstanceQueue.Chunk {
        InstanceQueue.Chunk(bytes: ByteBuffer(string: text), messages: messages)
    }

    private func next(_ queue: inout InstanceQueue, maxBytes: Int = 1) -> String? {
        queue.next(maxBytes: maxBytes).map { String(buffer: $0) }
    }

    @Test func aFullQueueLetsGoOfItsOldestBuffer() throws {
        // Rounded up to 4.
        var queue = InstanceQueue(maxChunks: 3, onFull: .dropOldest)
        for name in ["a", "b", "c", "d"] { #expect(queue.append(chunk(name, messages: 2)) == nil) }
        let result = queue.append(chunk("e"))
        let dropped = try #require(result)
        #expect(dropped == (.queueFullOldest, 2))
        #expect(queue.messages == 7 && queue.bytes == 4)
        #expect(next(&queue) == "b")
    }

    @Test func aFullQueueLetsGoOfTheNewBuffer() throws {
        var queue = InstanceQueue(maxChunks: 1, onFull: .dropCurrent)
        #expect(queue.append(chunk("a")) == nil)
        let result = queue.append(chunk("b", messages: 3))
        let dropped = try #require(result)
        #expect(dropped == (.queueFullCurrent, 3))
        #expect(next(&queue) == "a")
    }

    @Test func aWriteJoinsBuffersUpToItsSizeAndIsCountedWhenItEnds() {
        var queue = InstanceQueue(maxChunks: 8, onFull: .dropOldest)
        for name in ["aa", "bb", "cc"] { _ = queue.append(chunk(name)) }
        #expect(next(&queue, maxBytes: 5) == "aabb")
        // One write at a time, and what is under way still counts as queued.
        #expect(next(&queue, maxBytes: 5) == nil)
        #expect(queue.messages == 3 && queue.isWriting)
        #expect(queue.written() == 2)
        #expect(queue.messages == 1 && queue.bytes == 2)
        #expect(next(&queue, maxBytes: 1) == "cc")
        #expect(queue.written() == 1 && queue.isEmpty)
    }

    @Test func aFailedWriteGoesFirstAgainUntilItsRetriesAreOver() throws {
        var queue = InstanceQueue(maxChunks: 8, onFull: .dropOldest)
        _ = queue.append(chunk("a", messages: 2))
        #expect(next(&queue) == "a")
        _ = queue.append(chunk("b"))
        #expect(queue.failed(maxRetries: 1) == nil)
        #expect(queue.messages == 3)
        #expect(next(&queue) == "a")
        let result = queue.failed(maxRetries: 1)
        let dropped = try #require(result)
        #expect(dropped == (.writeFailed, 2))
        #expect(next(&queue) == "b")
        for _ in 0..<5 {
            #expect(queue.failed(maxRetries: nil) == nil)
            #expect(next(&queue) == "b")
        }
    }

    @Test func theMessagesOfALongLifeAddUp() {
        var queue = InstanceQueue(maxChunks: 16, onFull: .dropOldest)
        var (appended, sent, dropped) = (0, 0, 0)
        for step in 0..<5_000 {
            appended += step % 7
            dropped += queue.append(chunk("x", messages: step % 7))?.messages ?? 0
            guard step % 3 == 0, queue.next(maxBytes: 2) != nil else { continue }
            if step % 5 == 0 {
                dropped += queue.failed(maxRetries: 1)?.messages ?? 0
            } else {
                sent += queue.written()
            }
            #expect(appended == sent + dropped + queue.messages)
        }
        dropped += queue.removeAll()?.messages ?? 0
        #expect(appended == sent + dropped && queue.isEmpty)
    }

    @Test func timesOfAShardAreThoseOfM3() {
        func times(_ cutover: Int64, _ cutoff: Int64) -> ClosedRange<Int64> {
            InstanceRoute.Target(
                endpoint: "a:1", cutoverNanos: cutover, cutoffNanos: cutoff, warmup: 10, linger: 100
            ).times
        }
        #expect(times(0, .max) == 0...Int64.max)
        #expect(times(9, 50) == 0...150)
        #expect(times(30, .max - 5) == 20...Int64.max)
    }
}
