import NIOCore
import WireFormat

/// Settings and limits of a raw TCP server. Source: `docs/aggregator-role.md`, "Raw TCP".
public struct RawTCPOptions: Sendable {
    /// Largest payload in bytes; a larger one costs its connection.
    public var maxFrameBytes = RawTCPFrame.defaultMaxBytes
    /// Bytes asked of the socket at a time.
    public var readBytes = 65_536
    /// Connections that may be open at once; more are closed at once and counted.
    public var maxConnections = 4_096
    /// Bytes per connection that are cut out and not worked off before the server stops reading from it. Reading goes on
    /// when half of them are done. One read may pass the limit.
    public var maxUnprocessedBytes = 67_108_864
    /// Idle time and interval of TCP keep-alive probes; nil turns them off.
    public var keepAlive: TimeAmount? = .seconds(10)
    /// Errors that are logged in a second; 0 is no limit. All are counted.
    public var errorLogLimitPerSecond: Int64 = 0
    /// Length of the queue of connections that wait to be accepted.
    public var backlog: Int32 = 256
    /// Called on the event loop of each accepted connection before anything else is in its pipeline, as for TLS. What it
    /// throws closes the connection.
    public var configureChannel: (@Sendable (any Channel) throws -> Void)?

    public init() {}
}
