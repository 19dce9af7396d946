import Foundation
import TestKit
import Testing

@testable import Transport

@Suite struct TLSFilesTests {
    private func failure(_ options: TLSServerOptions) -> TLSConfigurationError? {
        do throws(TLSConfigurationError) {
            _ = try TLSServerContext(options, logger: silent)
            return nil
        } catch {
            return error
        }
    }

    @Test func whatCannotBeUsedIsNamed() async throws {
        let certificates = try await TestCertificates()
        let good = try await certificates.issue("good")
        let other = try await certificates.issue("other")
        let old = try await certificates.issue("old", validity: .expired)
        let missing = certificates.path("missing.pem")
        #expect(
            failure(TLSServerOptions(certificateFile: missing, keyFile: good.key))
                == .unreadable(setting: "certificateFile", file: missing, reason: "No such file or directory"))
        #expect(
            failure(TLSServerOptions(certificateFile: good.certificate, keyFile: missing))
                == .unreadable(setting: "keyFile", file: missing, reason: "No such file or directory"))
        #expect(
            failure(TLSServerOptions(certificateFile: good.certificate, keyFile: good.key, clientCAFile: missing))
                == .unreadable(setting: "clientCAFile", file: missing, reason: "No such file or directory"))
        #expect(
            failure(TLSServerOptions(certificateFile: good.certificate, keyFile: other.key))
                == .keyDoesNotMatch(certificateFile: good.certificate, keyFile: other.key))
        let expired = failure(TLSServerOptions(certificateFile: old.certificate, keyFile: old.key))
        #expect(expired?.description.hasPrefix("the certificate in '\(old.certificate)' expired on ") == true)
        #expect(expired?.description.hasSuffix(" GMT: renew it") == true)
        // A key in the place of a certificate, and the other way round.
        for options in [
            TLSServerOptions(certificateFile: good.key, keyFile: good.key),
            TLSServerOptions(certificateFile: good.certificate, keyFile: good.certificate),
            TLSServerOptions(certificateFile: good.certificate, keyFile: good.key, clientCAFile: good.key),
        ] {
            guard case .notPEM? = failure(options) else {
                Issue.record("\(options): \(String(describing: failure(options)))")
                continue
            }
        }
        #expect(throws: TLSConfigurationError.missing(setting: "keyFile", because: "certificateFile is given")) {
            try TLSClientContext(TLSClientOptions(certificateFile: good.certificate), logger: silent)
        }
        #expect(throws: TLSConfigurationError.invalidProtocol("")) {
            try TLSClientContext(TLSClientOptions(alpn: [""]), logger: silent)
        }
    }

    @Test func renewedCertificatesAreUsedByNewConnections() async throws {
        let certificates = try await TestCertificates()
        let first = try await certificates.issue("first", names: ["DNS:first.test"])
        let second = try await certificates.issue("second", names: ["DNS:second.test"])
        let context = try certificates.server(first)
        let server = try await RecordingServer.start(context)
        let early = try await RecordingClient.connect(
            server.port, tls: TLSClientContext(certificates.client(), logger: silent), host: "first.test")
        #expect(try await early.exchange("before") == "before")
        #expect(
            try await connectError(server.port, certificates.client(), host: "second.test")
                == .certificateRejected(reason: "hostname mismatch"))

        try certificates.replace(first, with: second)
        _ = try await poll("the new certificate") {
            try await connectError(server.port, certificates.client(), host: "second.test") == nil ? true : nil
        }
        #expect(
            try await connectError(server.port, certificates.client(), host: "first.test")
                == .certificateRejected(reason: "hostname mismatch"))
        #expect(context.reloads >= 1)
        #expect(try await early.exchange(" and after") == "before and after")

        await early.close()
        await server.stop()
    }

    @Test func filesThatCannotBeUsedChangeNothing() async throws {
        let certificates = try await TestCertificates()
        let pair = try await certificates.issue("server")
        let options = TLSServerOptions(certificateFile: pair.certificate, keyFile: pair.key)
        let context = try ReloadedContext(files: [pair.certificate, pair.key], interval: nil, logger: silent) {
            () throws(TLSConfigurationError) in try OpenSSLContext.server(options)
        }
        let first = context.current
        context.reloadIfChanged()
        #expect(context.current === first, "nothing changed")
        let good = try Data(contentsOf: URL(fileURLWithPath: pair.certificate))
        try Data("nothing".utf8).write(to: URL(fileURLWithPath: pair.certificate))
        context.reloadIfChanged()
        #expect(context.current === first)
        try FileManager.default.removeItem(atPath: pair.certificate)
        context.reloadIfChanged()
        #expect(context.current === first)
        #expect(context.reloads == 0)
        try good.write(to: URL(fileURLWithPath: pair.certificate))
        context.reloadIfChanged()
        #expect(context.current !== first)
        #expect(context.reloads == 1)
    }

    @Test func clientsFollowTheirFilesToo() async throws {
        let certificates = try await TestCertificates()
        let others = try await TestCertificates()
        let server = try await RecordingServer.start(
            certificates.server(certificates.issue("server"), mutual: true))
        // Begins with the certificate of another authority, which the server refuses.
        let pair = try await others.issue("client")
        var options = certificates.client(pair)
        options.reloadInterval = .milliseconds(20)
        let context = try TLSClientContext(options, logger: silent)
        let refused = try await RecordingClient.connect(server.port, tls: context)
        _ = try await poll("the refusal") { refused.recorder.now.isInactive ? true : nil }
        try await others.replace(pair, with: certificates.issue("client"))
        _ = try await poll("the files are read again") { context.reloads > 0 ? true : nil }
        let client = try await RecordingClient.connect(server.port, tls: context)
        #expect(try await client.exchange("renewed") == "renewed")
        await client.close()
        await server.stop()
    }
}
