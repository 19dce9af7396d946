/// Whether an instance publishes what it aggregates, or another one of its shard set does.
public protocol AggregatorLeadership: Sendable {
    /// What the instance is at the moment. Any thread; doesn't wait.
    var status: AggregatorFlushStatus { get }

    /// Gives leadership up, and returns once another instance may lead; at once for one that doesn't lead.
    /// - Parameter deadlineNanos: how long that may take.
    /// - Throws: what kept it from it; ``ResignTimeout`` at the deadline.
    func resign(deadlineNanos: Int64) async throws
}

/// An instance as those who deploy it see it.
public struct AggregatorFlushStatus: Sendable, Hashable {
    public enum Role: String, Sendable, CaseIterable {
        case leader
        case follower
    }

    public var role: Role
    /// Whether it could take over without a loss.
    public var canLead: Bool

    public init(role: Role, canLead: Bool) {
        self.role = role
        self.canLead = canLead
    }
}

/// Leadership was not given up in time.
public struct ResignTimeout: Error, CustomStringConvertible {
    public var description: String { "the resignation took longer than aggregator.resignTimeout allows" }

    public init() {}
}

/// An instance without others: it leads from the start, and for ever. A resignation succeeds at once, since nobody is
/// there to take over.
public struct SoleLeader: AggregatorLeadership {
    public init() {}

    public var status: AggregatorFlushStatus { AggregatorFlushStatus(role: .leader, canLead: true) }

    public func resign(deadlineNanos: Int64) async throws {}
}
