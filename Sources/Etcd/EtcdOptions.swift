import Cluster
import NIOCore

/// How an etcd cluster is reached.
public struct EtcdOptions: Sendable {
    public struct Credentials: Sendable {
        public var user: String
        public var password: String

        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }
    }

    /// Members of one cluster, tried in turn; at least one.
    public var endpoints: [Endpoint]
    /// For a cluster with authentication.
    public var credentials: Credentials?
    /// How long a call may take, all attempts included. M3's is 10 s too.
    public var requestTimeout: Duration = .seconds(10)
    /// How long one member may take to answer a call before another one is asked.
    public var attemptTimeout: Duration = .seconds(3)
    /// How long one member may take to accept a connection.
    public var dialTimeout: Duration = .seconds(3)
    /// A connection on which nothing was heard for so long is asked for a sign of life. etcd ends connections that ask more
    /// often than every 5 s.
    public var keepAlivePeriod: Duration = .seconds(10)
    /// How long that sign may take before the connection is given up.
    public var keepAliveTimeout: Duration = .seconds(5)
    /// Puts handlers, such as TLS with ALPN `h2`, in front of the HTTP/2 handlers of a new connection.
    public var configureChannel: ChannelConfiguration?

    public typealias ChannelConfiguration = @Sendable (any Channel, Endpoint) -> EventLoopFuture<Void>

    /// Bytes of one message from etcd, as M3's client has it: several versions of a large value may come together.
    public static let maxMessageBytes = 33_554_432

    public init(endpoints: [Endpoint], credentials: Credentials? = nil, configureChannel: ChannelConfiguration? = nil) {
        self.endpoints = endpoints
        self.credentials = credentials
        self.configureChannel = configureChannel
    }

    /// Reads an endpoint as M3's configuration has it: `host:port` with or without `http://` or `https://`. The scheme does not
    /// switch TLS on: `isTLS` tells the caller which was meant. Throws `invalidEndpoint`.
    public static func parse(endpoint text: String) throws(ClusterError) -> (endpoint: Endpoint, isTLS: Bool) {
        for (scheme, isTLS) in [("https://", true), ("http://", false)] where text.hasPrefix(scheme) {
            return (try Endpoint(parsing: String(text.dropFirst(scheme.count))), isTLS)
        }
        return (try Endpoint(parsing: text), false)
    }
}
