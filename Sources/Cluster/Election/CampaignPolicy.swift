/// Whether a member should stand for election, by the cutovers and cutoffs of its shards; M3's rules.
public struct CampaignPolicy: Sendable {
    /// A member stops standing so long before its cutoff, so that it doesn't lead at that moment.
    public var cutoffCheckOffsetNanos: Int64

    public init(cutoffCheckOffsetNanos: Int64 = 30_000_000_000) {
        self.cutoffCheckOffsetNanos = cutoffCheckOffsetNanos
    }

    /// - Parameters:
    ///   - flushTimes: the shard set's, as last seen; nil when nobody has flushed yet.
    ///   - now: nanoseconds since 1970.
    /// - Returns: nil when the placement makes no sense of the moment, in which case nothing should be changed.
    public func shouldCampaign(
        _ instanceID: String, in placement: Placement, flushTimes: FlushTimes?, at now: Int64
    ) -> Bool? {
        guard let own = placement.instance(instanceID) else { return false }
        if own.shards.isEmpty { return true }
        let isOn = own.shards.contains { now >= $0.cutoverNanos && now < nearCutoff($0) }
        if isOn { return true }
        guard own.shards.contains(where: { now >= $0.cutoverNanos }) else { return false }
        guard own.shards.allSatisfy({ now >= nearCutoff($0) }) else { return nil }
        if let flushTimes, own.shards.allSatisfy({ flushTimes.hasFlushed($0.id, upTo: $0.cutoffNanos) }) {
            return false
        }
        // All cut off and not all flushed: it goes on leading to publish the rest, unless its replacement is there for that.
        return placement.replacement(of: instanceID) == nil
    }

    private func nearCutoff(_ shard: ShardAssignment) -> Int64 {
        let (time, isBelow) = shard.cutoffNanos.subtractingReportingOverflow(cutoffCheckOffsetNanos)
        return isBelow ? .min : time
    }
}

extension Placement {
    /// The instance that takes all shards over from this one, with the same shard set and each shard's cutover at the cutoff here.
    public func replacement(of instanceID: String) -> Instance? {
        guard let own = instance(instanceID), own.commonState == .leaving else { return nil }
        return instances.first { other in
            other.id != own.id && other.shardSetID == own.shardSetID && other.commonState == .initializing
                && other.shards.count == own.shards.count
                && zip(other.shards, own.shards).allSatisfy {
                    $0.id == $1.id && $0.cutoverNanos == $1.cutoffNanos
                }
        }
    }

    /// Whether `value` names a member of the same shard set as `instanceID`: only such a leader makes another step back.
    public func isPeer(_ value: String, of instanceID: String) -> Bool {
        guard value != instanceID, let other = instance(value), let own = instance(instanceID) else { return false }
        return other.shardSetID == own.shardSetID
    }
}
