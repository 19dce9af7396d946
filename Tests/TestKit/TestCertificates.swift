import Foundation

/// Certificates that a test makes with the `openssl` tool in a folder of its own.
public struct TestCertificates: Sendable {
    /// A certificate and its key, both files PEM.
    public struct Pair: Sendable {
        public var certificate: String
        public var key: String
    }

    /// Which days a certificate is valid, counted from now.
    public enum Validity: Sendable { case current, expired }

    private let directory: TemporaryDirectory
    public let authority: Pair

    /// Makes a folder and an authority in it.
    public init() async throws {
        directory = try TemporaryDirectory("tls")
        authority = Pair(certificate: directory.path("ca.pem"), key: directory.path("ca.key"))
        try await Self.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=test authority", "-keyout", authority.key, "-out", authority.certificate,
        ])
    }

    public func path(_ name: String) -> String { directory.path(name) }

    /// Makes a certificate of the authority, for a server and for a client alike.
    /// - Parameter names: as in `subjectAltName`: `DNS:localhost`, `IP:127.0.0.1`.
    public func issue(
        _ name: String, names: [String] = ["DNS:localhost", "IP:127.0.0.1"], validity: Validity = .current
    ) async throws -> Pair {
        let pair = Pair(certificate: path("\(name).pem"), key: path("\(name).key"))
        let request = path("\(name).csr")
        let extensions = path("\(name).ext")
        try await Self.openssl([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/CN=\(name)", "-keyout", pair.key, "-out", request,
        ])
        let text = "subjectAltName=\(names.joined(separator: ","))\nextendedKeyUsage=serverAuth,clientAuth\n"
        try text.write(toFile: extensions, atomically: true, encoding: .utf8)
        // Days may be negative: the certificate then ended before now.
        try await Self.openssl([
            "x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key, "-set_serial",
            String(Int.random(in: 1...Int.max)), "-days", validity == .expired ? "-1" : "30", "-extfile", extensions,
            "-out", pair.certificate,
        ])
        return pair
    }

    /// Puts another certificate in the place of one, as a renewal does.
    public func replace(_ old: Pair, with new: Pair) throws {
        for (old, new) in [(old.key, new.key), (old.certificate, new.certificate)] {
            let fresh = old + ".new"
            try? FileManager.default.removeItem(atPath: fresh)
            try FileManager.default.copyItem(atPath: new, toPath: fresh)
            guard rename(fresh, old) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        }
    }

    private static func openssl(_ arguments: [String]) async throws {
        let logs = try TemporaryDirectory("openssl")
        let process = try ServerProcess(
            name: "openssl", executable: "openssl", arguments: arguments, directory: logs.url)
        // Signal 0 is none: waits for the end.
        let status = await process.stop(signal: 0)
        guard status == 0 else {
            throw ServerProcess.Failure.exited(name: "openssl \(arguments[0])", status: status, log: process.log)
        }
    }
}
