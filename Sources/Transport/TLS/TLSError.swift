/// Why TLS can't be set up. The text names the setting, its file and what would do.
public enum TLSConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    case unreadable(setting: String, file: String, reason: String)
    case notPEM(setting: String, file: String, content: String, reason: String)
    case keyDoesNotMatch(certificateFile: String, keyFile: String)
    /// - Parameter at: the end of its validity as OpenSSL writes it.
    case expired(file: String, at: String)
    case notYetValid(file: String, from: String)
    /// A certificate without a key or the other way round.
    case missing(setting: String, because: String)
    case invalidProtocol(String)
    case library(String)

    public var description: String {
        switch self {
        case .unreadable(let setting, let file, let reason):
            "\(setting) '\(file)' can't be read: \(reason); give the path of a PEM file that this process may read"
        case .notPEM(let setting, let file, let content, let reason):
            "\(setting) '\(file)' has no \(content) in PEM form: \(reason); give a file that begins with -----BEGIN"
        case .keyDoesNotMatch(let certificateFile, let keyFile):
            "keyFile '\(keyFile)' is not the key of certificateFile '\(certificateFile)': give the key that the "
                + "certificate was made with"
        case .expired(let file, let at): "the certificate in '\(file)' expired on \(at): renew it"
        case .notYetValid(let file, let from):
            "the certificate in '\(file)' is not valid before \(from): check the clock or make a new one"
        case .missing(let setting, let because): "\(setting) is missing, but \(because): give both or none"
        case .invalidProtocol(let name): "the protocol '\(name)' must have 1 to 255 bytes"
        case .library(let reason): "OpenSSL: \(reason)"
        }
    }
}

/// Why a connection with TLS failed.
public enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    case handshakeFailed(reason: String)
    /// The peer's certificate isn't trusted or is for another name.
    case certificateRejected(reason: String)
    case handshakeTimedOut(Duration)
    case noProtocolChosen(wanted: [String])
    /// A connection to an enforcing server began with something else.
    case notTLS
    /// The stream ended without a close_notify: what came may be the beginning of something longer.
    case truncated
    case queueFull(limit: Int)
    case broken(reason: String)

    public var description: String {
        switch self {
        case .handshakeFailed(let reason): "TLS handshake failed: \(reason)"
        case .certificateRejected(let reason): "TLS: the peer's certificate was rejected: \(reason)"
        case .handshakeTimedOut(let time): "the TLS handshake was not complete after \(time)"
        case .noProtocolChosen(let wanted):
            "TLS: the peer chose none of the protocols \(wanted.joined(separator: ", ")) (ALPN): is this the right port?"
        case .notTLS: "not a TLS connection: let the client use TLS, or set the mode to permissive"
        case .truncated: "the stream ended without TLS' close_notify; it may be cut off"
        case .queueFull(let limit): "more than \(limit) bytes were written before the TLS handshake was complete"
        case .broken(let reason): "TLS connection failed: \(reason)"
        }
    }
}
