import NIOCore
import WireFormat

/// Settings and limits of an ``InstanceClient``. Source: `docs/aggregator-role.md`, "Forwarding over raw TCP".
public struct InstanceClientOptions: Sendable {
    /// What a full queue lets go of.
    public enum OnFull: Sendable, Equatable {
        case dropOldest, dropCurrent
    }

    /// Largest payload in bytes; a larger one is dropped and counted.
    public var maxMessageBytes = RawTCPFrame.defaultMaxBytes
    /// Bytes of one buffer of a queue.
    public var maxChunkBytes = 8_388_608
    /// Buffers that wait for one instance; rounded up to a power of two.
    public var maxChunks = 128
    public var onFull: OnFull = .dropOldest
    /// Bytes that one write joins several buffers up to.
    public var writeBytes = 524_288
    public var connectTimeout: TimeAmount = .seconds(1)
    /// Time that a write may take before its connection is closed.
    public var writeTimeout: TimeAmount = .seconds(15)
    public var keepAlive = true
    /// Wait between failed connects. What is queued stays queued meanwhile.
    public var reconnect = Backoff(initial: .milliseconds(250), factor: 2, max: .seconds(20), jitter: true)
    /// How often a write that failed is tried again; nil for no limit.
    public var maxWriteRetries: Int? = 1
    /// How long the queue of an instance that left the placement may drain.
    public var drainOfRemoved: TimeAmount = .seconds(10)
    /// Seeds jitter.
    public var randomSeed: UInt64 = .random(in: .min ... .max)

    public init() {}
}

/// Why a message was not written to an instance.
public enum InstanceDropReason: String, Sendable, CaseIterable {
    case queueFullOldest = "queue_full_oldest"
    case queueFullCurrent = "queue_full_current"
    /// The connection broke while it was written, each time.
    case writeFailed = "write_failed"
    /// The placement has no instance for the shard, or the shard is none of the placement's.
    case noInstance = "no_instance"
    /// Before the instance's cutover of the shard, or after its cutoff.
    case outsideShardTimes = "outside_shard_times"
    case tooLarge = "too_large"
    /// No metric whose time could be read.
    case unreadable
    /// The client, or the instance's place in the placement, was closed.
    case closed
}

/// Counts of a client since its start, in references: a message counts once for each instance that owns its shard.
///
/// produced = queued + sent + Σ dropped whenever no thread is at work.
public struct InstanceClientStats: Sendable {
    public var produced: UInt64 = 0
    /// Taken by the system for sending: there are no acknowledgements.
    public var sent: UInt64 = 0
    public var dropped: [InstanceDropReason: UInt64] = [:]
    /// Waiting, or being written.
    public var queued: UInt64 = 0
    public var queuedBytes = 0
    public var connects: UInt64 = 0
    public var connectFailures: UInt64 = 0
    public var openConnections = 0
    /// Whether every instance's queue is more than half full.
    public var isHalfFull = false
}
