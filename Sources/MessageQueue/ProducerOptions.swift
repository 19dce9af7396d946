import NIOCore

/// Settings and limits of a producer. Source: `docs/message-queue.md`, "Producer".
public struct ProducerOptions: Sendable {
    /// What happens to a batch that finds a replica's buffer full.
    public enum OnFull: Sendable, Equatable {
        /// The batch is refused when for some of its messages no replica has room. A replica without room beside one
        /// with room loses its references to the batch and is marked incomplete.
        case returnError
        /// The batch is admitted and the oldest batches of that replica are dropped; the replica is marked incomplete.
        case dropOldest
    }

    /// What shares one limit of buffered bytes.
    public enum BufferScope: Sendable, Equatable {
        /// Each instance of a REPLICATED service, and each SHARED service, has the whole limit for itself, so that a
        /// dead replica never costs a live one its input.
        case perReplica
        /// One limit for the whole producer, as in M3: a dropped batch is lost for every replica.
        case shared
    }

    /// Value of the label `producer` on the metrics, which tells producers of one topic in one process apart.
    public var name = "producer"
    public var onFull: OnFull = .dropOldest
    public var bufferScope: BufferScope = .perReplica
    /// Bytes (payload and ``overheadPerMessage``) that a buffer holds.
    public var maxBufferBytes = 104_857_600
    /// Share of ``maxBufferBytes`` by which `dropOldest` may pass the limit until the next ``dropOldestInterval``.
    public var allowedSpilloverRatio = 0.2
    public var dropOldestInterval: TimeAmount = .seconds(1)
    /// Longest payload; a longer one is dropped and counted, the rest of its batch goes on.
    public var maxMessageBytes = 1_048_576
    /// Wait before an unacknowledged message is sent again, by number of attempts.
    public var messageRetry = Backoff(initial: .seconds(5), factor: 2, max: nil, jitter: true)
    /// How often queues are searched for expired messages and due retries.
    public var scanInterval: TimeAmount = .milliseconds(200)

    /// TCP connections per endpoint and consumer service; 1 to 64.
    public var numConnections = 4
    public var connectTimeout: TimeAmount = .seconds(5)
    /// Time that a write may take before its connection is closed.
    public var writeTimeout: TimeAmount = .seconds(5)
    /// Idle time and interval of TCP keep-alive probes; nil turns them off.
    public var keepAlive: TimeAmount? = .seconds(5)
    /// Least time from a successful connect to the next attempt on the same connection.
    public var resetDelay: TimeAmount = .seconds(2)
    /// Wait between failed connects.
    public var reconnect = Backoff(initial: .seconds(1), factor: 2, max: .seconds(30), jitter: true)
    /// Longest time that a new message waits for company before it is written.
    public var flushInterval: TimeAmount = .milliseconds(50)
    /// Bytes of new messages that are written without waiting for the interval, and the size of one write.
    public var writeBytes = 65_536
    /// Largest acknowledgement frame in bytes, its prefix not counted.
    public var maxAckFrameBytes = 4_194_304
    /// Called with the host on the event loop of each connection that is about to be made, before anything else is in its
    /// pipeline, as for TLS. What it throws counts as a failed attempt to connect.
    public var configureChannel: (@Sendable (any Channel, _ host: String) throws -> Void)?
    /// Seeds jitter and the epochs. Two producers with one seed would have the same epochs: leave it random.
    public var randomSeed: UInt64 = .random(in: .min ... .max)

    /// Bytes that a buffered message counts for beside its payload.
    public static let overheadPerMessage = 32

    public init() {}
}
