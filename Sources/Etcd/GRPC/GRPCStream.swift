import NIOCore
import NIOHPACK
import NIOHTTP2
import Synchronization

/// One call: messages out, messages in, one end. May be used before its HTTP/2 stream is open; what is sent then waits.
final class GRPCStream: Sendable {
    /// Throwing typed, since nothing but a `GRPCError` ends a call.
    struct Responses: AsyncSequence {
        fileprivate let stream: AsyncStream<Result<ByteBuffer, GRPCError>>

        struct AsyncIterator: AsyncIteratorProtocol {
            fileprivate var iterator: AsyncStream<Result<ByteBuffer, GRPCError>>.Iterator

            mutating func next() async throws(GRPCError) -> ByteBuffer? {
                try await next(isolation: nil)
            }

            mutating func next(isolation actor: isolated (any Actor)?) async throws(GRPCError) -> ByteBuffer? {
                guard let next = await iterator.next(isolation: actor) else { return nil }
                return try next.get()
            }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(iterator: stream.makeAsyncIterator()) }
    }

    private struct State {
        var channel: (any Channel)?
        var waiting: [(message: [UInt8], isLast: Bool)] = []
        var hasEnded = false
    }

    let responses: Responses
    private let continuation: AsyncStream<Result<ByteBuffer, GRPCError>>.Continuation
    private let state = Mutex(State())

    init(maxWaitingMessages: Int) {
        // One more place, for the error that ends the call.
        let (stream, continuation) = AsyncStream.makeStream(
            of: Result<ByteBuffer, GRPCError>.self, bufferingPolicy: .bufferingOldest(maxWaitingMessages + 1))
        responses = Responses(stream: stream)
        self.continuation = continuation
    }

    /// Nothing happens when the call has ended.
    func send(_ message: [UInt8], isLast: Bool = false) {
        let channel = state.withLock { state -> (any Channel)? in
            guard !state.hasEnded else { return nil }
            if state.channel == nil { state.waiting.append((message, isLast)) }
            return state.channel
        }
        if let channel { Self.write(message, isLast: isLast, to: channel) }
    }

    /// Gives the call up: resets the HTTP/2 stream and ends `responses` with this error.
    func end(_ error: GRPCError) {
        let channel = state.withLock(\.channel)
        finish(error)
        channel?.close(promise: nil)
    }

    func opened(_ channel: any Channel, headers: HPACKHeaders) {
        let head = HTTP2Frame.FramePayload.headers(.init(headers: headers))
        channel.write(head, promise: nil)
        let waiting = state.withLock { state -> [(message: [UInt8], isLast: Bool)]? in
            guard !state.hasEnded else { return nil }
            defer { state.waiting = [] }
            state.channel = channel
            return state.waiting
        }
        guard let waiting else {
            channel.close(promise: nil)
            return
        }
        for (message, isLast) in waiting { Self.write(message, isLast: isLast, to: channel) }
        channel.flush()
    }

    func received(_ message: ByteBuffer) {
        guard !state.withLock(\.hasEnded) else { return }
        if case .enqueued(let remaining) = continuation.yield(.success(message)), remaining > 0 { return }
        end(GRPCError(code: .resourceExhausted, message: "too many responses wait for their reader"))
    }

    func finish(_ error: GRPCError?) {
        let isFirst = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        guard isFirst else { return }
        if let error { continuation.yield(.failure(error)) }
        continuation.finish()
    }

    private static func write(_ message: [UInt8], isLast: Bool, to channel: any Channel) {
        let buffer = GRPCMessageFraming.framed(message, allocator: channel.allocator)
        let frame = HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(buffer), endStream: isLast))
        channel.writeAndFlush(frame, promise: nil)
    }
}
