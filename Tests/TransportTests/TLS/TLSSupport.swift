import Logging
import NIOCore
import NIOPosix
import NIOTLS
import Synchronization
import TestKit

@testable import Transport

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// What happened on one side of a connection.
final class Recorder: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Answer: Sendable {
        case none
        case echo
        /// Once, when the peer has ended its side.
        case atEnd([UInt8])
        /// After the first bytes, and ends the connection.
        case once(String)
    }

    struct State {
        var received: [UInt8] = []
        var errors: [TLSError] = []
        var handshakes = 0
        var negotiatedProtocol: String?
        var inputClosed = false
        var isInactive = false
    }

    private let state = Mutex(State())
    private let answer: Answer

    init(_ answer: Answer = .none) { self.answer = answer }

    var now: State { state.withLock { $0 } }
    var text: String { String(decoding: now.received, as: UTF8.self) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        state.withLock { $0.received.append(contentsOf: bytes.readableBytesView) }
        switch answer {
        case .echo: context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        case .once(let text):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            context.close(promise: nil)
        case .none, .atEnd: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted(let chosen)? = event as? TLSUserEvent {
            state.withLock {
                $0.handshakes += 1
                $0.negotiatedProtocol = chosen
            }
        }
        if let event = event as? ChannelEvent, event == .inputClosed {
            state.withLock { $0.inputClosed = true }
            if case .atEnd(let bytes) = answer {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
                context.close(promise: nil)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? TLSError { state.withLock { $0.errors.append(error) } }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { state.withLock { $0.isInactive = true } }
}

/// A server on a free port that records and answers.
struct RecordingServer {
    let port: Int
    private let listener: any Channel
    private let accepted: Accepted

    final class Accepted: Sendable {
        let recorders = Mutex<[Recorder]>([])
    }

    var recorders: [Recorder] { accepted.recorders.withLock { $0 } }

    /// The recorder of the first connection, once there is one.
    func first() async throws -> Recorder { try await poll("a connection") { recorders.first } }

    static func start(_ tls: TLSServerContext?, answer: Recorder.Answer = .echo) async throws -> RecordingServer {
        let accepted = Accepted()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try tls?.configure(channel)
                    let recorder = Recorder(answer)
                    accepted.recorders.withLock { $0.append(recorder) }
                    try channel.pipeline.syncOperations.addHandler(recorder)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return RecordingServer(port: listener.localAddress?.port ?? 0, listener: listener, accepted: accepted)
    }

    func stop() async { try? await listener.close().get() }
}

/// A client with its recorder.
struct RecordingClient {
    let channel: any Channel
    let recorder: Recorder

    /// Throws what makes the handshake fail.
    static func connect(
        _ port: Int, tls: TLSClientContext?, host: String = "localhost", halfClosure: Bool = true
    ) async throws -> RecordingClient {
        let recorder = Recorder()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: halfClosure)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try tls?.configure(channel, host: host)
                    try channel.pipeline.syncOperations.addHandler(recorder)
                }
            }
            .connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: port)).get()
        return RecordingClient(channel: channel, recorder: recorder)
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }

    /// Sends a text and waits until so many bytes came back.
    func exchange(_ text: String) async throws -> String {
        let wanted = recorder.now.received.count + text.utf8.count
        try await send(text)
        _ = try await poll("an answer") { recorder.now.received.count >= wanted ? true : nil }
        return recorder.text
    }

    func close() async { try? await channel.close().get() }
}

/// The error that keeps a client from connecting; nil when it connects.
func connectError(
    _ port: Int, _ options: TLSClientOptions, host: String = "localhost"
) async throws -> TLSError? {
    do {
        let client = try await RecordingClient.connect(
            port, tls: TLSClientContext(options, logger: silent), host: host)
        await client.close()
        return nil
    } catch let error as TLSError {
        return error
    }
}

/// A client that is driven by hand over a plain socket: it decides how its bytes are cut, and when it goes away.
final class HandDrivenClient {
    struct Failed: Error { var why: String }

    private let peer: LoopbackPeer
    private let session: TLSSession
    private let bytesAtATime: Int

    init(port: Int, options: TLSClientOptions, bytesAtATime: Int = .max) throws {
        peer = try LoopbackPeer(port: port)
        session = try TLSSession.client(OpenSSLContext.client(options), name: "localhost", verifiesName: true)
        self.bytesAtATime = bytesAtATime
        while true {
            let step = session.handshake()
            try flush()
            switch step {
            case .done: return
            case .failed(let error): throw error
            case .needsMore:
                let bytes = peer.receive(waitingMilliseconds: 30_000)
                guard !bytes.isEmpty else { throw Failed(why: "the server closed during the handshake") }
                session.receive(ByteBuffer(bytes: bytes))
            }
        }
    }

    func send(_ text: String) throws {
        try session.encrypt(ByteBuffer(string: text))
        try flush()
    }

    func sendCloseNotify() throws {
        session.closeNotify()
        try flush()
    }

    /// Ends the TCP connection without a word.
    func drop() { peer.close() }

    /// Reads until so many bytes or a close_notify came.
    func receive(_ count: Int) throws -> (bytes: [UInt8], hasEnded: Bool) {
        var plain: [UInt8] = []
        while plain.count < count {
            let bytes = peer.receive(waitingMilliseconds: 30_000)
            guard !bytes.isEmpty else { throw Failed(why: "the stream ended without close_notify") }
            for byte in bytesAtATime == 1 ? bytes.map({ [$0] }) : [bytes] {
                session.receive(ByteBuffer(bytes: byte))
                let decrypted = session.decrypt(allocator: ByteBufferAllocator())
                if let failure = decrypted.failure { throw failure }
                plain.append(contentsOf: decrypted.plain.readableBytesView)
                if decrypted.hasEnded { return (plain, true) }
            }
        }
        return (plain, false)
    }

    private func flush() throws {
        guard let output = session.takeOutput() else { return }
        let bytes = Array(output.readableBytesView)
        var start = 0
        while start < bytes.count {
            let end = bytes.count - start > bytesAtATime ? start + bytesAtATime : bytes.count
            try peer.send(Array(bytes[start..<end]))
            start = end
        }
    }
}

extension TestCertificates {
    func server(
        _ pair: Pair, mode: TLSMode = .enforced, mutual: Bool = false, alpn: [String] = [],
        _ adjust: (inout TLSServerOptions) -> Void = { _ in }
    ) throws -> TLSServerContext {
        var options = TLSServerOptions(
            certificateFile: pair.certificate, keyFile: pair.key,
            clientCAFile: mutual ? authority.certificate : nil, mode: mode)
        options.alpn = alpn
        options.reloadInterval = .milliseconds(20)
        options.handshakeTimeout = .seconds(60)
        adjust(&options)
        return try TLSServerContext(options, logger: silent)
    }

    func client(_ pair: Pair? = nil, serverName: String? = nil, alpn: [String] = []) -> TLSClientOptions {
        var options = TLSClientOptions(
            caFile: authority.certificate, certificateFile: pair?.certificate, keyFile: pair?.key,
            serverName: serverName, alpn: alpn)
        options.handshakeTimeout = .seconds(60)
        return options
    }
}

/// Connects and writes before the handshake can be complete: as soon as the TCP connection is there.
func earlyWriter(
    _ loop: any EventLoop, port: Int, tls: TLSClientContext, recorder: Recorder
) async throws -> any Channel {
    try await ClientBootstrap(group: loop)
        .channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try tls.configure(channel, host: "localhost")
                try channel.pipeline.syncOperations.addHandler(EarlyWriter())
                try channel.pipeline.syncOperations.addHandler(recorder)
            }
        }
        .connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: port)).get()
}

private final class EarlyWriter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(ByteBuffer(string: "ear")), promise: nil)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "ly")), promise: nil)
        context.fireChannelActive()
    }
}
