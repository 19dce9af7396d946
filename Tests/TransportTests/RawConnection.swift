import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Transport

/// A TCP connection that sends bytes as they are: what a wrong client does.
struct RawConnection {
    private let channel: any Channel
    private let received: SharedText

    static func open(_ address: HTTPServer.BoundAddress) async throws -> RawConnection {
        let received = SharedText()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(received: received))
                }
            }
            .connect(host: address.host, port: address.port).get()
        return RawConnection(channel: channel, received: received)
    }

    /// Sends a text, and another one after something was received; returns all that came until the peer closed.
    func exchange(_ text: String, then: String = "", afterSeeing: String = "") async throws -> String {
        // The peer may close before everything was sent: what it said before that counts.
        try? await channel.writeAndFlush(ByteBuffer(string: text)).get()
        if !then.isEmpty {
            try await eventually { received.text.contains(afterSeeing) }
            try await channel.writeAndFlush(ByteBuffer(string: then)).get()
        }
        let deadline = channel.eventLoop.scheduleTask(in: .seconds(20)) { channel.close(promise: nil) }
        try? await channel.closeFuture.get()
        deadline.cancel()
        return received.text
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let received: SharedText

        init(received: SharedText) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.append(String(buffer: unwrapInboundIn(data)))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// A text that two threads share.
final class SharedText: Sendable {
    private let mutex = Mutex("")
    var text: String { mutex.withLock { $0 } }
    func append(_ more: String) { mutex.withLock { $0 += more } }
}

/// Handlers wait at it until the test opens it.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    var waiting: Int { state.withLock { $0.waiters.count } }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

struct ConditionNeverHeld: Error {}

/// Polls a condition until it holds, at most 20 s.
func eventually(_ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() {
        guard ContinuousClock.now < deadline else { throw ConditionNeverHeld() }
        try await Task.sleep(for: .milliseconds(2))
    }
}
