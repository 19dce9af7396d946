import Logging
import NIOCore

/// TLS of a server's connections, with certificates that follow their files. Source: `docs/tls.md`, "Server".
public final class TLSServerContext: Sendable {
    public let options: TLSServerOptions
    /// Nil when the mode is disabled.
    private let shared: ReloadedContext?

    /// Reads the files, which a disabled mode doesn't need.
    /// - Throws: ``TLSConfigurationError``
    public init(_ options: TLSServerOptions, logger: Logger) throws(TLSConfigurationError) {
        self.options = options
        guard options.mode != .disabled else {
            shared = nil
            return
        }
        let files = [options.certificateFile, options.keyFile] + (options.clientCAFile.map { [$0] } ?? [])
        shared = try ReloadedContext(files: files, interval: options.reloadInterval, logger: logger) {
            () throws(TLSConfigurationError) in try OpenSSLContext.server(options)
        }
    }

    /// How often changed files were read again with success.
    public var reloads: Int { shared?.reloads ?? 0 }

    /// Adds TLS to an accepted connection; to be called first, on its event loop.
    public func configure(_ channel: any Channel) throws {
        guard let shared else { return }
        let timeout = TimeAmount(options.handshakeTimeout)
        let detector = TLSDetector(isEnforced: options.mode == .enforced, timeout: timeout) {
            TLSHandler(
                session: try TLSSession.server(shared.current),
                settings: .init(handshakeTimeout: timeout, readIsPending: true))
        }
        try channel.pipeline.syncOperations.addHandler(detector)
    }
}

/// TLS of a client's connections, with certificates that follow their files. Source: `docs/tls.md`, "Client".
public final class TLSClientContext: Sendable {
    public let options: TLSClientOptions
    private let shared: ReloadedContext

    /// - Throws: ``TLSConfigurationError``
    public init(_ options: TLSClientOptions, logger: Logger) throws(TLSConfigurationError) {
        self.options = options
        let files = [options.caFile, options.certificateFile, options.keyFile].compactMap { $0 }
        shared = try ReloadedContext(files: files, interval: options.reloadInterval, logger: logger) {
            () throws(TLSConfigurationError) in try OpenSSLContext.client(options)
        }
    }

    /// How often changed files were read again with success.
    public var reloads: Int { shared.reloads }

    /// Adds TLS to a connection that is about to be made; to be called first, on its event loop.
    /// - Parameter host: what is connected to, a name or an address; `serverName` of the options goes before it.
    public func configure(_ channel: any Channel, host: String) throws {
        let session = try TLSSession.client(
            shared.current, name: options.serverName ?? host, verifiesName: !options.insecureSkipVerify)
        let settings = TLSHandler.Settings(
            handshakeTimeout: TimeAmount(options.handshakeTimeout), requiredProtocols: options.alpn)
        try channel.pipeline.syncOperations.addHandler(TLSHandler(session: session, settings: settings))
    }
}
