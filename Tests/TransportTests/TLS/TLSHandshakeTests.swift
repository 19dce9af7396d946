import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import Transport

@Suite struct TLSHandshakeTests {
    @Test func encryptsBothWaysAndTellsThatTheHandshakeIsDone() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(certificates.server(certificates.issue("server")))
        let client = try await RecordingClient.connect(
            server.port, tls: TLSClientContext(certificates.client(), logger: silent))
        #expect(try await client.exchange("hello") == "hello")
        #expect(client.recorder.now.handshakes == 1)
        #expect(try await server.first().now.handshakes == 1)
        await client.close()
        // Closed with close_notify on the client's side: nothing was cut off.
        let recorder = try await server.first()
        _ = try await poll("the server sees the end") { recorder.now.inputClosed ? true : nil }
        #expect(recorder.now.errors == [])
        await server.stop()
    }

    @Test func writesBeforeTheHandshakeWait() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(certificates.server(certificates.issue("server")))
        let tls = try TLSClientContext(certificates.client(), logger: silent)
        let recorder = Recorder()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let channel = try await earlyWriter(loop, port: server.port, tls: tls, recorder: recorder)
        _ = try await poll("the echo") { recorder.text == "early" ? true : nil }
        try await channel.close().get()
        await server.stop()
    }

    @Test func clientsAreHeldToTheirCertificates() async throws {
        let certificates = try await TestCertificates()
        let others = try await TestCertificates()
        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server"), mutual: true))
        let good = try await RecordingClient.connect(
            server.port, tls: TLSClientContext(certificates.client(certificates.issue("client")), logger: silent))
        #expect(try await good.exchange("mutual") == "mutual")
        await good.close()
        // In TLS 1.3 a client is done before the server has looked at its certificate: the refusal comes as an alert.
        for (pair, reason) in [(nil, "certificate required"), (try await others.issue("client"), "unknown ca")] {
            let before = server.recorders.count
            let client = try await RecordingClient.connect(
                server.port, tls: TLSClientContext(certificates.client(pair), logger: silent))
            _ = try await poll("the refusal") { client.recorder.now.isInactive ? true : nil }
            #expect(client.recorder.now.errors.first?.description.contains(reason) == true)
            let refused = try await poll("the server's side") { server.recorders.dropFirst(before).first }
            _ = try await poll("its error") { refused.now.errors.isEmpty ? nil : true }
            #expect(refused.now.received == [])
            #expect(refused.now.handshakes == 0)
        }
        await server.stop()
    }

    @Test func serversAreHeldToTheirCertificates() async throws {
        let certificates = try await TestCertificates()
        let others = try await TestCertificates()
        let server = try await RecordingServer.start(
            certificates.server(
                certificates.issue("server", names: ["DNS:one.test", "DNS:*.wild.test", "IP:127.0.0.1"])))
        let trusting = certificates.client()
        #expect(try await connectError(server.port, trusting, host: "one.test") == nil)
        #expect(try await connectError(server.port, trusting, host: "a.wild.test") == nil)
        #expect(try await connectError(server.port, trusting, host: "127.0.0.1") == nil)
        #expect(
            try await connectError(server.port, trusting, host: "two.test")
                == .certificateRejected(reason: "hostname mismatch"))
        #expect(
            try await connectError(server.port, trusting, host: "127.0.0.2")
                == .certificateRejected(reason: "IP address mismatch"))
        // The subject's common name is no name of a host.
        #expect(
            try await connectError(server.port, trusting, host: "server")
                == .certificateRejected(reason: "hostname mismatch"))
        #expect(try await connectError(server.port, certificates.client(serverName: "one.test"), host: "other") == nil)
        let foreign = try await connectError(server.port, others.client(), host: "one.test")
        guard case .certificateRejected = foreign else {
            Issue.record("a foreign authority was accepted: \(String(describing: foreign))")
            return
        }
        #expect(
            try await connectError(
                server.port, TLSClientOptions(insecureSkipVerify: true), host: "two.test") == nil)
        await server.stop()
    }

    @Test func protocolsAreAgreedOn() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server"), alpn: ["h2", "http/1.1"]))
        for (offered, chosen) in [(["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], nil)] {
            let client = try await RecordingClient.connect(
                server.port, tls: TLSClientContext(certificates.client(alpn: offered), logger: silent))
            _ = try await poll("the handshake") { client.recorder.now.handshakes == 1 ? true : nil }
            #expect(client.recorder.now.negotiatedProtocol == chosen)
            await client.close()
        }
        #expect(
            try await connectError(server.port, certificates.client(alpn: ["spdy"]))
                == .noProtocolChosen(wanted: ["spdy"]))
        await server.stop()
    }

    @Test func aClientTellsAPlainServer() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(nil, answer: .once("HTTP/1.1 400 Bad Request\r\n\r\n"))
        let error = try await connectError(server.port, certificates.client())
        #expect(error?.description.contains("the peer does not speak TLS") == true)
        await server.stop()
    }

    @Test func aHandshakeHasATimeLimit() async throws {
        let certificates = try await TestCertificates()
        let silentServer = try await RecordingServer.start(nil, answer: .none)
        var options = certificates.client()
        options.handshakeTimeout = .milliseconds(50)
        #expect(try await connectError(silentServer.port, options) == .handshakeTimedOut(.milliseconds(50)))
        await silentServer.stop()

        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server")) { $0.handshakeTimeout = .milliseconds(50) })
        let quiet = try LoopbackPeer(port: server.port)
        let recorder = try await server.first()
        _ = try await poll("the server gives up") { recorder.now.isInactive ? true : nil }
        #expect(recorder.now.errors == [.handshakeTimedOut(.milliseconds(50))])
        // One that began and does not go on.
        let half = try LoopbackPeer(port: server.port)
        try half.send([0x16, 3, 1])
        let second = try await poll("the second connection") { server.recorders.dropFirst().first }
        _ = try await poll("the server gives up") { second.now.isInactive ? true : nil }
        #expect(second.now.errors == [.handshakeTimedOut(.milliseconds(50))])
        quiet.close()
        half.close()
        await server.stop()
    }
}
