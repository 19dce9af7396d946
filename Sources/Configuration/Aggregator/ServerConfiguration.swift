/// Where a server listens.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    /// 0 lets the system choose.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, `[IPV6]:PORT` or `:PORT`, which is every interface.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), text[text.index(after: colon)...].utf8.allSatisfy({ $0 != UInt8(ascii: "+") })
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard host.utf8.count <= 255, !host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "[" || $0 == "]" })
        else { return nil }
        self.host = host.isEmpty ? "0.0.0.0" : host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// How often and with which pauses something is tried again.
public struct RetryPolicy: Sendable, Equatable {
    public var initialBackoffNanos: Int64
    public var backoffFactor: Double
    /// `Int64.max` for no bound.
    public var maxBackoffNanos: Int64
    /// Without effect where `isForever`.
    public var maxRetries: Int
    public var isForever: Bool
    public var jitter: Bool

    public init(
        initialBackoffNanos: Int64 = 1_000_000_000, backoffFactor: Double = 2, maxBackoffNanos: Int64 = .max,
        maxRetries: Int = 2, isForever: Bool = false, jitter: Bool = true
    ) {
        self.initialBackoffNanos = initialBackoffNanos
        self.backoffFactor = backoffFactor
        self.maxBackoffNanos = maxBackoffNanos
        self.maxRetries = maxRetries
        self.isForever = isForever
        self.jitter = jitter
    }
}

/// TLS of a server.
public struct ServerTLS: Sendable, Equatable {
    public enum Mode: String, Sendable, CaseIterable {
        case disabled
        /// Plain and encrypted connections are told apart by their first byte.
        case permissive
        case enforced
    }

    public var mode: Mode
    /// PEM files; empty when not set.
    public var certFile: String
    public var keyFile: String
    public var clientCAFile: String
    /// How often their files are looked at for changes; 0: once a second.
    public var certificatesTTLNanos: Int64
    /// Whether clients must show a certificate of `clientCAFile`.
    public var mutualTLS: Bool

    public static let disabled = ServerTLS(
        mode: .disabled, certFile: "", keyFile: "", clientCAFile: "", certificatesTTLNanos: 0, mutualTLS: false)
}

/// TLS of a client.
public struct ClientTLS: Sendable, Equatable {
    public var isEnabled: Bool
    public var insecureSkipVerify: Bool
    /// Empty: the name of the address.
    public var serverName: String
    public var caFile: String
    public var certFile: String
    public var keyFile: String
    public var certificatesTTLNanos: Int64
}

extension AggregatorConfiguration {
    /// What both stream servers share.
    public struct StreamServer: Sendable, Equatable {
        public var listenAddress: ListenAddress
        /// Of a failed accept.
        public var retry: RetryPolicy
        /// Nil: no keep-alive.
        public var keepAlivePeriodNanos: Int64?
        public var tls: ServerTLS
    }

    public struct M3MsgServer: Sendable, Equatable {
        public var server: StreamServer
        public var ackFlushIntervalNanos: Int64
        /// Acknowledgements that are collected at most.
        public var ackBufferSize: Int
        public var connectionReadBufferBytes: Int
        public var connectionWriteBufferBytes: Int
        public var connectionWriteTimeoutNanos: Int64
        /// The largest frame that is read.
        public var maxMessageBytes: Int
        /// The largest acknowledgement that is written.
        public var maxAckMessageBytes: Int
    }

    public struct RawTCPServer: Sendable, Equatable {
        public var server: StreamServer
        /// Errors logged per second; 0 is no limit.
        public var errorLogLimitPerSecond: Int64
        public var readBufferBytes: Int
        public var maxMessageBytes: Int
    }

    public struct HTTPServer: Sendable, Equatable {
        public var listenAddress: ListenAddress
        public var readTimeoutNanos: Int64
        public var writeTimeoutNanos: Int64
    }
}
