import Foundation
import NIOPosix
import Telemetry
import TestKit
import Testing

@testable import Transport

/// Against other implementations' programs.
@Suite struct TLSToolsTests {
    /// Runs a shell line to its end and returns what it printed.
    private func run(_ line: String) async throws -> (status: Int32, output: String) {
        let directory = try TemporaryDirectory("tls-tools")
        let process = try ServerProcess(
            name: "shell", executable: "sh", arguments: ["-c", line], directory: directory.url)
        let status = await process.stop(signal: 0)
        return (status, process.log)
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func openSSLsClientIsServed(version: String) async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server"), mutual: true), answer: .once("answer\n"))
        let client = try await certificates.issue("client")
        let authority = certificates.authority.certificate
        let common =
            "openssl s_client -connect 127.0.0.1:\(server.port) -CAfile \(authority) -verify_return_error "
            + "-servername localhost -verify_hostname localhost \(version)"
        let (status, output) = try await run(
            "echo question | \(common) -cert \(client.certificate) -key \(client.key) -quiet -ign_eof")
        #expect(status == 0)
        #expect(output.contains("answer"))
        let recorder = try await server.first()
        #expect(recorder.text == "question\n")
        await server.stop()
    }

    @Test func oldVersionsAreRefused() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(certificates.server(certificates.issue("server")))
        let (status, output) = try await run(
            "echo | openssl s_client -connect 127.0.0.1:\(server.port) -tls1_1 -cipher 'ALL:@SECLEVEL=0'")
        #expect(status != 0)
        #expect(output.contains("alert protocol version"))
        await server.stop()
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func openSSLsServerIsTalkedTo(version: String) async throws {
        let certificates = try await TestCertificates()
        let pair = try await certificates.issue("server")
        let port = try freePort()
        let directory = try TemporaryDirectory("s_server")
        let process = try ServerProcess(
            name: "s_server", executable: "openssl",
            arguments: [
                "s_server", "-accept", "127.0.0.1:\(port)", "-cert", pair.certificate, "-key", pair.key, "-rev",
                "-CAfile", certificates.authority.certificate, "-Verify", "2", version, "-alpn", "h2",
            ], directory: directory.url)
        let tls = try await TLSClientContext(
            certificates.client(certificates.issue("client"), alpn: ["h2"]), logger: silent)
        let client = try await poll("s_server takes connections") {
            try process.checkRunning()
            return try await RecordingClient.connect(port, tls: tls)
        }
        try await client.send("stressed\n")
        _ = try await poll("the answer") { client.recorder.text == "desserts\n" ? true : nil }
        #expect(client.recorder.now.negotiatedProtocol == "h2")
        await client.close()
        await process.stop()
    }

    @Test func anExpiredCertificateIsRejected() async throws {
        let certificates = try await TestCertificates()
        let pair = try await certificates.issue("server", validity: .expired)
        let port = try freePort()
        let directory = try TemporaryDirectory("s_server")
        let process = try ServerProcess(
            name: "s_server", executable: "openssl",
            arguments: [
                "s_server", "-accept", "127.0.0.1:\(port)", "-cert", pair.certificate, "-key", pair.key, "-rev",
            ],
            directory: directory.url)
        let error = try await poll("s_server takes connections") {
            try process.checkRunning()
            return try await connectError(port, certificates.client())
        }
        #expect(error == .certificateRejected(reason: "certificate has expired"))
        await process.stop()
    }

    @Test func curlGetsPagesWithItsCertificateOnly() async throws {
        let certificates = try await TestCertificates()
        let client = try await certificates.issue("client")
        var router = HTTPRouter()
        router.get("/") { _, _ in .text("index") }
        router.post("/echo") { request, _ in HTTPReply(status: 200, body: request.body) }
        var options = HTTPServerOptions()
        options.tls = try await certificates.server(certificates.issue("server"), mutual: true, alpn: ["http/1.1"])
        let body = try TemporaryDirectory("curl")
        let large = try body.write(String(repeating: "0123456789abcdef", count: 200_000), to: "large")
        let server = HTTPServer(
            group: MultiThreadedEventLoopGroup.singleton, host: "127.0.0.1", port: 0, options: options, router: router,
            registry: Registry(),
            logger: silent)
        let address = try await server.start()
        let trust = "--silent --show-error --cacert \(certificates.authority.certificate)"
        let identity = "--cert \(client.certificate) --key \(client.key)"
        let url = "https://localhost:\(address.port)"
        let resolve = "--resolve localhost:\(address.port):127.0.0.1"

        let two = try await run("curl \(trust) \(identity) \(resolve) \(url)/ \(url)/")
        #expect(two.status == 0)
        #expect(two.output == "indexindex")
        let echo = try await run(
            "curl \(trust) \(identity) \(resolve) --data-binary @\(large) \(url)/echo | cmp - \(large)")
        #expect(echo.status == 0, "\(echo.output)")
        let anonymous = try await run("curl \(trust) \(resolve) \(url)/")
        #expect(anonymous.status != 0)
        #expect(!anonymous.output.contains("index"))
        let plain = try await run("curl --silent --show-error http://127.0.0.1:\(address.port)/")
        #expect(plain.status != 0)
        let last = try await run("curl \(trust) \(identity) \(resolve) \(url)/")
        #expect(last.output == "index", "refused connections cost no others")
        await server.stop()
    }
}
