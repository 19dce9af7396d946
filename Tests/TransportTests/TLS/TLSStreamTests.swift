import NIOCore
import TestKit
import Testing

@testable import Transport

@Suite struct TLSStreamTests {
    @Test func muchGoesBothWaysAtOnce() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(certificates.server(certificates.issue("server")))
        let client = try await RecordingClient.connect(
            server.port, tls: TLSClientContext(certificates.client(), logger: silent))
        var random = SystemRandomNumberGenerator()
        let sent = (0..<1_048_576).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
        var start = 0
        while start < sent.count {
            // Pieces of all sizes around that of a record.
            let end = min(sent.count, start + Int.random(in: 1...100_000))
            try await client.channel.writeAndFlush(ByteBuffer(bytes: sent[start..<end])).get()
            start = end
        }
        _ = try await poll("all of it comes back", deadline: .seconds(60)) {
            client.recorder.now.received.count >= sent.count ? true : nil
        }
        #expect(client.recorder.now.received == sent)
        #expect(try await server.first().now.received == sent)
        await client.close()
        await server.stop()
    }

    @Test func bytesMayComeOneByOne() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(certificates.server(certificates.issue("server"), mutual: true))
        let client = try await HandDrivenClient(
            port: server.port, options: certificates.client(certificates.issue("client")), bytesAtATime: 1)
        let text = String(repeating: "fragment ", count: 200)
        try client.send(text)
        #expect(try client.receive(text.utf8.count).bytes == Array(text.utf8))
        try client.sendCloseNotify()
        let recorder = try await server.first()
        _ = try await poll("the end") { recorder.now.inputClosed ? true : nil }
        #expect(recorder.now.errors == [])
        client.drop()
        await server.stop()
    }

    @Test func anEndWithoutAWordIsATruncation() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(certificates.server(certificates.issue("server")))
        let client = try HandDrivenClient(port: server.port, options: certificates.client())
        try client.send("beginning of ")
        _ = try client.receive("beginning of ".utf8.count)
        client.drop()
        let recorder = try await server.first()
        _ = try await poll("the server sees it") { recorder.now.isInactive ? true : nil }
        #expect(recorder.now.errors == [.truncated])
        #expect(recorder.text == "beginning of ")
        await server.stop()
    }

    @Test(arguments: [5, 3_000_000])
    func oneSideMayEndBeforeTheOther(bytes: Int) async throws {
        let certificates = try await TestCertificates()
        let answer = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server")), answer: .atEnd(answer))
        let client = try await RecordingClient.connect(
            server.port, tls: TLSClientContext(certificates.client(), logger: silent))
        try await client.send("question")
        try await client.channel.close(mode: .output).get()
        _ = try await poll("the answer after the end") {
            client.recorder.now.inputClosed || client.recorder.now.isInactive ? true : nil
        }
        #expect(try await server.first().text == "question")
        #expect(client.recorder.now.received == answer)
        #expect(client.recorder.now.errors == [])
        await #expect(throws: ChannelError.self) { try await client.send("more") }
        await client.close()
        await server.stop()
    }

    @Test func withoutHalfClosureTheEndOfOneSideIsTheEnd() async throws {
        let certificates = try await TestCertificates()
        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server")), answer: .once("bye"))
        let client = try await RecordingClient.connect(
            server.port, tls: TLSClientContext(certificates.client(), logger: silent), halfClosure: false)
        try await client.send("hello")
        _ = try await poll("the end") { client.recorder.now.isInactive ? true : nil }
        #expect(client.recorder.text == "bye")
        #expect(client.recorder.now.errors == [])
        await server.stop()
    }
}
