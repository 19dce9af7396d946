import Metrics

/// What a consumer service is to get of the aggregated metrics: all conditions have to hold. Pure.
/// Source: `docs/aggregator-role.md`, "Filters of outputs".
struct OutputFilter: Sendable, Equatable {
    enum Reason: String, Sendable, CaseIterable {
        case shardSet = "shard_set"
        case storagePolicy = "storage_policy"
        case percentage
        /// No aggregated metric whose policy could be read.
        case unreadable
    }

    /// Each set has to have the shard.
    var shardSets: [[ClosedRange<UInt32>]] = []
    /// Each list has to have the policy.
    var storagePolicies: [[StoragePolicy]] = []
    /// Shares of the messages, 0 to 1, drawn one by one.
    var shares: [Double] = []

    var needsPolicy: Bool { !storagePolicies.isEmpty }
    var isEmpty: Bool { shardSets.isEmpty && storagePolicies.isEmpty && shares.isEmpty }

    /// Granularity of a drawn share, as in M3.
    private static let steps: UInt64 = 1 << 24

    /// Why a message is not for the service; nil when it is.
    /// - Parameters:
    ///   - shard: of the service's topic.
    ///   - policy: asked for only where a condition needs it; nil when it can't be read.
    ///   - random: a new number, uniform over all values, for each call.
    func refusal(
        shard: UInt32, policy: @autoclosure () -> StoragePolicy?, random: () -> UInt64
    ) -> Reason? {
        for set in shardSets where !set.contains(where: { $0.contains(shard) }) { return .shardSet }
        if needsPolicy {
            guard let policy = policy() else { return .unreadable }
            for list in storagePolicies where !list.contains(policy) { return .storagePolicy }
        }
        for share in shares {
            if share >= 1 { continue }
            guard share > 0 else { return .percentage }
            let drawn = random() % Self.steps
            if drawn >= UInt64(share * Double(Self.steps)) { return .percentage }
        }
        return nil
    }
}
