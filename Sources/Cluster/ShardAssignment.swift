/// A shard as one instance of a placement holds it.
public struct ShardAssignment: Sendable, Hashable {
    /// A shard's way: initializing on its new owner, available, leaving once it is to move away.
    public enum State: Sendable, Hashable {
        case initializing
        case available
        case leaving
    }

    public var id: UInt32
    public var state: State
    /// Instance that the shard comes from; empty for one that has always been here.
    public var sourceID: String
    /// Nanoseconds since 1970 from which the instance owns the shard.
    public var cutoverNanos: Int64
    /// Nanoseconds since 1970 at which the instance ceases to own it; `never` by default.
    public var cutoffNanos: Int64
    /// Shard that gets the metrics which hash to this one.
    public var redirectToShardID: UInt32?

    /// The cutoff of a shard that stays.
    public static let never = Int64.max

    public init(
        id: UInt32, state: State, sourceID: String = "", cutoverNanos: Int64 = 0,
        cutoffNanos: Int64 = ShardAssignment.never, redirectToShardID: UInt32? = nil
    ) {
        self.id = id
        self.state = state
        self.sourceID = sourceID
        self.cutoverNanos = cutoverNanos
        self.cutoffNanos = cutoffNanos
        self.redirectToShardID = redirectToShardID
    }

    /// Whether a producer of a replicated topic sends to this owner at `now` (nanoseconds since 1970): from the cutover on,
    /// before the cutoff, without grace.
    public func isEffective(at now: Int64) -> Bool {
        cutoverNanos <= now && now < cutoffNanos
    }
}
