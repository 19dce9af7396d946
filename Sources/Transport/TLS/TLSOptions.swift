/// What a server does with connections that aren't encrypted. Source: `docs/tls.md`, "Modes".
public enum TLSMode: String, Sendable, CaseIterable {
    /// Nothing is encrypted.
    case disabled
    /// The first byte of a connection tells whether it is encrypted.
    case permissive
    /// Connections that aren't encrypted are closed.
    case enforced
}

/// TLS of a server. Files are PEM. Source: `docs/tls.md`, "Server".
public struct TLSServerOptions: Sendable, Equatable {
    /// The server's certificate, followed by those between it and its authority.
    public var certificateFile: String
    /// The key of that certificate, without a passphrase.
    public var keyFile: String
    /// Authorities of clients: when given, a client without a certificate of theirs is refused.
    public var clientCAFile: String?
    public var mode: TLSMode
    /// Protocols (ALPN) that are offered, the best first. A client that wants none of them is served all the same.
    public var alpn: [String] = []
    /// How often the files are looked at for changes; nil: never again.
    public var reloadInterval: Duration? = .seconds(1)
    /// Time from the first byte, enforced: from the start of the connection, to the end of the handshake.
    public var handshakeTimeout: Duration = .seconds(10)

    public init(certificateFile: String, keyFile: String, clientCAFile: String? = nil, mode: TLSMode = .enforced) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientCAFile = clientCAFile
        self.mode = mode
    }
}

/// TLS of a client. Files are PEM. Source: `docs/tls.md`, "Client".
public struct TLSClientOptions: Sendable, Equatable {
    /// Authorities of servers; nil: those of the system.
    public var caFile: String?
    /// The certificate that is shown to servers which ask for one; together with its key or not at all.
    public var certificateFile: String?
    public var keyFile: String?
    /// The name that the server's certificate must bear; nil: the host that is connected to.
    public var serverName: String?
    /// Protocols (ALPN) of which the server must choose one, the best first; empty: none is asked for.
    public var alpn: [String]
    /// Takes any certificate for any name. Whoever is on the way can then read and change everything.
    public var insecureSkipVerify: Bool
    /// How often the files are looked at for changes; nil: never again.
    public var reloadInterval: Duration? = .seconds(1)
    /// Time from the start of the connection to the end of the handshake.
    public var handshakeTimeout: Duration = .seconds(5)

    public init(
        caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil,
        alpn: [String] = [], insecureSkipVerify: Bool = false
    ) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
        self.alpn = alpn
        self.insecureSkipVerify = insecureSkipVerify
    }
}
