import KeyValue

/// Where a member of a shard set stands.
public enum ElectionState: Sendable, Hashable {
    case follower
    /// Leads, by etcd's word and with a lease that has not run out by its own clock. The term is the create revision of its
    /// candidate key: a later leader's is higher.
    case leader(term: Int64)
    /// Led until its lease ran out or its key vanished, and nobody else is seen to lead: etcd may be down, or this member cut off
    /// from it while another one leads already.
    case lostSession(term: Int64)
    /// Has given the leadership up, and nobody else is seen to lead yet.
    case resigning(term: Int64)

    /// The term of a leadership that is held or may still be; nil for a follower.
    public var term: Int64? {
        switch self {
        case .follower: nil
        case .leader(let term), .lostSession(let term), .resigning(let term): term
        }
    }

    public var isLeader: Bool {
        if case .leader = self { true } else { false }
    }

    /// M3's name of the state: it calls a leader that is on its way out `pendingFollower`, which goes on publishing.
    public var m3Name: String {
        switch self {
        case .follower: "follower"
        case .leader: "leader"
        case .lostSession, .resigning: "pendingFollower"
        }
    }
}

/// A member's key in an election.
public struct ElectionCandidate: Sendable, Hashable {
    public var key: String
    /// The member's instance id.
    public var value: String
    /// Of all candidates the one with the lowest leads.
    public var createRevision: Int64

    public init(key: String, value: String, createRevision: Int64) {
        self.key = key
        self.value = value
        self.createRevision = createRevision
    }
}

public enum ElectionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nobody else stood for election, so this member leads again.
    case noOtherCandidate
    case timedOut(waitingFor: String)
    case closed

    public var description: String {
        switch self {
        case .noOtherCandidate: "no other member stands for election; this one leads again"
        case .timedOut(let what): "timed out waiting for \(what)"
        case .closed: "the election is closed"
        }
    }
}

/// One member's part in the election of its shard set's leader. See `docs/etcd.md`, "Election".
public protocol LeaderElection: Sendable {
    /// As of this moment: a leader whose lease has run out by its own clock has lost its session, whether or not anything has
    /// noticed yet.
    var state: ElectionState { get }

    /// What guards the writes of the present term; nil unless this member leads.
    var fence: Fence? { get }

    /// Whom the election showed as leader when it was last read, also when it is this member.
    var leader: ElectionCandidate? { get }

    /// All members that stood for election when it was last read, the leader first.
    var candidates: [ElectionCandidate] { get }

    /// Whether this member wants to lead. A member that stops wanting to gives its key up and is then a
    /// follower, whoever else leads.
    var isCampaigning: Bool { get }
    func setCampaigning(_ wanted: Bool)

    /// The present state, then each change; a slow reader misses states in between but always gets the newest.
    func states() -> AsyncStream<ElectionState>

    /// Gives the leadership up and waits until another member leads; a follower returns at once. About a second later this
    /// member stands for election again. Throws `noOtherCandidate`, `timedOut`, `closed`.
    func resign(within time: Duration) async throws(ElectionError)

    /// Gives up leadership and lease at once, so that another member need not wait for it to run out. To be called when nothing
    /// is published any more.
    func close() async
}
