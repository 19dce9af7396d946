/// Why a reference to a message ended without an acknowledgement.
public enum DropReason: String, Sendable, CaseIterable {
    /// `dropOldest` made room for newer messages.
    case bufferFullOldest = "buffer_full_oldest"
    /// The replica's buffer had no room and another replica's had.
    case bufferFull = "buffer_full"
    case ttl
    /// The producer, or the message's consumer service or replica, was closed.
    case closed
    /// No instance of a REPLICATED service is responsible for the shard.
    case noWriter = "no_writer"
    /// Longer than ``ProducerOptions/maxMessageBytes``.
    case tooLarge = "too_large"
    /// Before the replica's cutover of the shard.
    case beforeCutover = "before_cutover"
    /// After the replica's cutoff of the shard.
    case afterCutoff = "after_cutoff"
    /// Another process leads and sends them.
    case superseded
}

/// Counts of a producer since its start, in references: a message counts once per replica that it goes to.
///
/// For every service produced = queued + acked + Σ dropped, at any moment.
public struct ProducerStats: Sendable {
    public struct Service: Sendable {
        public var name: String
        public var produced: UInt64 = 0
        public var acked: UInt64 = 0
        public var dropped: [DropReason: UInt64] = [:]
        /// References that are neither acknowledged nor dropped.
        public var queued: UInt64 {
            let ended = dropped.values.reduce(acked, &+)
            return produced > ended ? produced - ended : 0
        }
        /// Messages written to sockets, with repetitions.
        public var sent: UInt64 = 0
        /// Messages written more than once, each repetition counted.
        public var retried: UInt64 = 0
        /// Acknowledgements of messages that weren't queued: repetitions, mostly.
        public var strayAcks: UInt64 = 0
        /// Acknowledgements for shards that no queue has; the first of each read is logged.
        public var unknownShardAcks: UInt64 = 0
        /// Acknowledgement frames that could not be decoded; each costs its connection.
        public var badAckFrames: UInt64 = 0
        public var connects: UInt64 = 0
        public var disconnects: UInt64 = 0
        public var replicas: [Replica] = []
    }

    /// One buffer: an instance of a REPLICATED service, or a SHARED service as a whole.
    public struct Replica: Sendable {
        /// The endpoint, or `*` for a buffer of several.
        public var endpoint: String
        public var bufferedBytes = 0
        /// References that it lost because its buffer was full.
        public var lost: UInt64 = 0
        /// True once it lost a reference; until ``Producer/clearIncomplete(service:endpoint:)`` it may not lead.
        public var isIncomplete: Bool { lostAtNanos != nil }
        /// When it last lost a reference, in nanoseconds since 1970.
        public var lostAtNanos: Int64?
        public var connectedConnections = 0
    }

    public var services: [Service] = []

    public subscript(service name: String) -> Service? { services.first { $0.name == name } }
}
