import NIOCore

/// Settings and limits of a consumer server. Source: `docs/message-queue.md`, "Consumer".
public struct ConsumerOptions: Sendable {
    /// Value of the label `server` on the server's metrics.
    public var name = "m3msg"
    /// Longest time that an acknowledgement waits for company before it is sent.
    public var ackFlushInterval: TimeAmount = .milliseconds(200)
    /// Pending acknowledgement bytes that are sent without waiting for the interval: about 2,000 messages. Larger writes
    /// cost more in memory that isn't cached than they save in system calls.
    public var ackFlushBytes = 65_536
    /// Largest message and acknowledgement frame in bytes, its prefix not counted.
    public var maxFrameBytes = 4_194_304
    /// Bytes asked of the socket at a time.
    public var readBytes = 262_144
    /// Connections that may be open at once; more are closed at once and counted.
    public var maxConnections = 4_096
    /// Bytes of batches per connection that the consumer holds before the server stops reading from it. Reading goes on
    /// when half of them are given back. One read may pass the limit.
    public var maxUnacknowledgedBytes = 67_108_864
    /// Pending acknowledgement bytes above which the server stops reading from a connection whose peer doesn't take them.
    public var maxPendingAckBytes = 8_388_608
    /// Time that a write of acknowledgements may take before the connection is closed.
    public var writeTimeout: TimeAmount = .seconds(5)
    /// Closes a connection that sent nothing for this long; nil, as in M3, keeps silent connections for ever.
    public var idleTimeout: TimeAmount?
    /// Idle time and interval of TCP keep-alive probes; nil turns them off.
    public var keepAlive: TimeAmount? = .seconds(10)
    /// Time that a closing connection waits for the consumer to acknowledge what it holds, and again for the peer to
    /// take the last acknowledgements.
    public var closeDrain: TimeAmount = .seconds(1)
    /// Length of the queue of connections that wait to be accepted.
    public var backlog: Int32 = 256
    /// Called on the event loop of each accepted connection before anything else is in its pipeline, as for TLS. What it
    /// throws closes the connection.
    public var configureChannel: (@Sendable (any Channel) throws -> Void)?

    public init() {}
}
