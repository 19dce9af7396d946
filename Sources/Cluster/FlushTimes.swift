import ControlProtocol
import SwiftProtobuf

/// How far the leader of a shard set has flushed, by which the followers know what to let go. Times are nanoseconds since 1970,
/// not aligned to any window; resolutions are nanoseconds. 0 means: the list exists and was never flushed.
public struct FlushTimes: Sendable, Hashable {
    public struct Shard: Sendable, Hashable {
        /// By resolution: lists of metrics without a time of their own.
        public var standard: [Int64: Int64] = [:]
        /// By resolution: lists of metrics that carry their time.
        public var timed: [Int64: Int64] = [:]
        /// By resolution, then by how often the values were forwarded: later stages of rollups.
        public var forwarded: [Int64: [Int32: Int64]] = [:]
        /// The leader has no list for this shard any more.
        public var isTombstoned = false

        public init() {}
    }

    public var byShard: [UInt32: Shard]

    public init(byShard: [UInt32: Shard] = [:]) {
        self.byShard = byShard
    }

    /// Whether every list of the shard was flushed up to `time`, which M3 asks before it stops campaigning for or closes a shard
    /// that was cut off. A shard that isn't there was not; one without lists was.
    public func hasFlushed(_ shard: UInt32, upTo time: Int64) -> Bool {
        guard let lists = byShard[shard] else { return false }
        return lists.standard.values.allSatisfy { $0 >= time } && lists.timed.values.allSatisfy { $0 >= time }
            && lists.forwarded.values.allSatisfy { $0.values.allSatisfy { $0 >= time } }
    }

    static let kindName = "flush times"

    /// Throws `undecodable`.
    public init(protobuf bytes: [UInt8]) throws(ClusterError) {
        let message = try ProtobufCoding.decode(Flushpb_ShardSetFlushTimes.self, bytes, what: Self.kindName)
        byShard = message.byShard.mapValues { message in
            var shard = Shard()
            shard.standard = message.standardByResolution
            shard.timed = message.timedByResolution
            shard.forwarded = message.forwardedByResolution.mapValues(\.byNumForwardedTimes)
            shard.isTombstoned = message.tombstoned
            return shard
        }
    }

    /// M3's `ShardSetFlushTimes`.
    public func protobuf() throws(ClusterError) -> [UInt8] {
        var message = Flushpb_ShardSetFlushTimes()
        message.byShard = byShard.mapValues { shard in
            var message = Flushpb_ShardFlushTimes()
            message.standardByResolution = shard.standard
            message.timedByResolution = shard.timed
            message.forwardedByResolution = shard.forwarded.mapValues { byCount in
                var message = Flushpb_ForwardedFlushTimes()
                message.byNumForwardedTimes = byCount
                return message
            }
            message.tombstoned = shard.isTombstoned
            return message
        }
        return try ProtobufCoding.encode(message, what: Self.kindName)
    }
}
