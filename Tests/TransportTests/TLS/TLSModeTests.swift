import TestKit
import Testing

@testable import Transport

@Suite struct TLSModeTests {
    @Test(arguments: [false, true])
    func permissiveServersTakeBoth(isMutual: Bool) async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server"), mode: .permissive, mutual: isMutual))
        let plain = try await RecordingClient.connect(server.port, tls: nil)
        #expect(try await plain.exchange("not encrypted") == "not encrypted")
        let pair = isMutual ? try await certificates.issue("client") : nil
        let encrypted = try await RecordingClient.connect(
            server.port, tls: TLSClientContext(certificates.client(pair), logger: silent))
        #expect(try await encrypted.exchange("encrypted") == "encrypted")
        #expect(try await plain.exchange(" at all") == "not encrypted at all")
        #expect(server.recorders.map(\.now.handshakes) == [0, 1])
        await plain.close()
        await encrypted.close()
        await server.stop()
    }

    @Test func enforcingServersTakeOnlyTLS() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(certificates.server(certificates.issue("server")))
        let plain = try LoopbackPeer(port: server.port)
        try plain.send([0, 0, 0, 4, 1, 2, 3, 4])
        let recorder = try await server.first()
        _ = try await poll("the server closes") { recorder.now.isInactive ? true : nil }
        #expect(recorder.now.errors == [.notTLS])
        #expect(recorder.now.received == [])
        plain.close()
        await server.stop()
    }

    @Test func disabledServersLookAtNothing() async throws {
        // The files don't exist, and nobody asks for them.
        let context = try TLSServerContext(
            TLSServerOptions(certificateFile: "/nowhere", keyFile: "/nowhere", mode: .disabled), logger: silent)
        let server = try await RecordingServer.start(context)
        let plain = try await RecordingClient.connect(server.port, tls: nil)
        #expect(try await plain.exchange("\u{16} may come first") == "\u{16} may come first")
        await plain.close()
        await server.stop()
    }
}
