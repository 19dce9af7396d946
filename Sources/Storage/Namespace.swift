import Metrics

/// A set of series that are kept equally long: what Prometheus sent as it came, or the output of one storage policy.
///
/// The precision of a policy is the unit of its timestamps on the wire and tells no two namespaces apart.
/// Source: `docs/storage.md`, Namespaces.
public enum Namespace: Sendable {
    case unaggregated
    case aggregated(StoragePolicy)

    /// The policy of an aggregated namespace.
    public var policy: StoragePolicy? {
        switch self {
        case .unaggregated: nil
        case .aggregated(let policy): policy
        }
    }
}

extension Namespace: Hashable {
    public static func == (a: Namespace, b: Namespace) -> Bool {
        switch (a, b) {
        case (.unaggregated, .unaggregated): true
        case (.aggregated(let a), .aggregated(let b)): a.isEquivalent(to: b)
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .unaggregated: hasher.combine(0)
        case .aggregated(let policy):
            hasher.combine(policy.resolutionNanos)
            hasher.combine(policy.retentionNanos)
        }
    }
}

extension Namespace: CustomStringConvertible {
    /// `unaggregated`, or the policy's text such as `10s:2d`.
    public var description: String {
        switch self {
        case .unaggregated: "unaggregated"
        case .aggregated(let policy): policy.description
        }
    }
}
